//! `--log-dir`: what each function printed in a file of its own, and every fact in `facts.ndjson`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use super::Entry;
use super::Kind;
use super::Opening;
use super::outlet::Sink;
use crate::time::rfc3339;

/// Log files in a folder. They are appended to: an earlier run is still there to compare with.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
    facts: BufWriter<File>,
    functions: HashMap<String, BufWriter<File>>,
}

impl LogFiles {
    /// Log files in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let facts = append(&folder.join("facts.ndjson"))?;
        Ok(Self {
            folder: folder.to_owned(),
            facts,
            functions: HashMap::new(),
        })
    }
}

impl Sink for LogFiles {
    fn fact(&mut self, entry: &Entry) -> io::Result<()> {
        writeln!(self.facts, "{}", entry.json())?;
        let Kind::Log {
            function,
            request,
            line,
        } = &entry.fact.kind
        else {
            return Ok(());
        };
        // Logical IDs are letters and digits: safe as names of files.
        let file = match self.functions.entry(function.clone()) {
            std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(append(&self.folder.join(format!("{function}.log")))?)
            }
        };
        let request = request.as_deref().unwrap_or("-");
        // As on the terminal: an entry's lines below each other.
        let line = line.replace('\r', "\n  ");
        writeln!(file, "{} {request} {line}", rfc3339(entry.fact.at))
    }

    fn opening(&mut self, _opening: &Opening) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.facts.flush()?;
        self.functions.values_mut().try_for_each(BufWriter::flush)
    }
}

fn append(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(
        File::options().create(true).append(true).open(path)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;

    #[test]
    fn each_function_has_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("logs");
        let mut files = LogFiles::open(&folder).unwrap();
        for (number, function) in [(1, "A"), (2, "B"), (3, "A")] {
            let line = format!("line {number}");
            let kind = Kind::Log {
                function: function.into(),
                request: None,
                line,
            };
            let fact = Fact {
                at: 1_708_327_306_706,
                kind,
            };
            files.fact(&Entry { number, fact }).unwrap();
        }
        files.flush().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let a = "2024-02-19T07:21:46.706Z - line 1\n2024-02-19T07:21:46.706Z - line 3\n";
        assert_eq!(read("A.log"), a);
        assert_eq!(read("facts.ndjson").lines().count(), 3);
    }
}
