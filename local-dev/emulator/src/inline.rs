//! Code that stands in a template: written to a folder, where it runs like any other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use gatepost_template::Code;
use gatepost_template::Function;

/// Gives every function whose code stands in the template a folder of its own below `folder` with
/// the file `index` (CloudFormation reference, `Code` of `AWS::Lambda::Function`). A file that
/// has this content already is left alone.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn unpack(functions: &mut BTreeMap<String, Function>, folder: &Path) -> io::Result<()> {
    for function in functions.values_mut() {
        let Code::Inline(text) = &function.code else {
            continue;
        };
        let folder = folder.join(&function.id);
        let end = match function.runtime.starts_with("python") {
            true => "py",
            false => "js",
        };
        let file = folder.join(format!("index.{end}"));
        if fs::read(&file).ok().as_deref() != Some(text.as_bytes()) {
            fs::create_dir_all(&folder)?;
            fs::write(&file, text)?;
        }
        function.code = Code::Folder(folder.canonicalize()?);
    }
    Ok(())
}
