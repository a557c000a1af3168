//! Where the code of a function is, and how it is built.

use std::path::Path;
use std::path::PathBuf;

use crate::eval::Resource;
use crate::eval::Stop;
use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Code;
use crate::read::Reader;

/// What to do about code that must be built first.
const SAM_BUILD: &str =
    "run `sam build`, and name what it makes: --template .aws-sam/build/template.yaml";

impl Reader<'_> {
    /// How the processes of a function are made.
    pub(super) fn code(&mut self, resource: &Resource, is_image: bool, handler: &str) -> Code {
        if is_image {
            let what = format!(
                "`{}` is a container image, and those do not run here",
                resource.id
            );
            return Code::Unsupported(Finding::new(&resource.at, what));
        }
        if let Some(inline) = inline_code(resource) {
            return self.inline(resource, inline);
        }
        let folder = match resource.kind.as_str() {
            "AWS::Serverless::Function" => self.code_uri(resource),
            _ => self.lambda_code(resource),
        };
        let folder = match folder {
            Ok(folder) => folder,
            Err(Stop::Unresolved(finding)) => return Code::Unsupported(finding),
            Err(Stop::Wrong(finding)) => {
                self.findings.error(finding.clone());
                return Code::Unsupported(finding);
            }
        };
        self.built(resource, folder, handler)
    }

    /// Code that stands in the template (`Code` of `AWS::Lambda::Function`: for Node.js and
    /// Python it becomes a file named `index`).
    fn inline(&mut self, resource: &Resource, node: &Node) -> Code {
        let unsupported = |what: String| Code::Unsupported(Finding::new(&node.at, what));
        let id = &resource.id;
        let runtime = self
            .text(&resource.properties, "Runtime")
            .unwrap_or_default();
        if !["nodejs", "python"]
            .iter()
            .any(|known| runtime.starts_with(known))
        {
            return unsupported(format!("`{id}`: only Node and Python code can be inline"));
        }
        match self.scope.text(node) {
            Ok(Some(text)) => Code::Inline(text.clone()),
            Ok(None) => unsupported(format!("`{id}` has no code")),
            Err(Stop::Unresolved(finding)) => Code::Unsupported(finding),
            Err(Stop::Wrong(finding)) => {
                self.findings.error(finding.clone());
                Code::Unsupported(finding)
            }
        }
    }

    /// How what is in a folder is built: `Metadata.BuildMethod` ("Building custom runtimes" and
    /// "Building Rust Lambda functions" in SAM's guide).
    fn built(&self, resource: &Resource, folder: PathBuf, handler: &str) -> Code {
        let metadata = resource.metadata.as_ref();
        let text = |name: &str| metadata?.get(name)?.as_text();
        // What `sam build` made keeps the metadata, but is built.
        let is_built = self.folder.ends_with(".aws-sam/build") || text("SkipBuild") == Some("true");
        match text("BuildMethod").filter(|_| !is_built) {
            None => Code::Folder(folder),
            Some("rust-cargolambda") => {
                let properties = metadata.and_then(|node| node.get("BuildProperties"));
                let binary = properties.and_then(|node| node.get("Binary")?.as_text());
                Code::Cargo {
                    folder,
                    binary: binary.unwrap_or(handler).to_owned(),
                }
            }
            // Interpreted code runs as it is, if what it imports is there.
            Some(method)
                if ["python", "nodejs", "ruby"]
                    .iter()
                    .any(|language| method.starts_with(language)) =>
            {
                Code::Folder(folder)
            }
            Some(method) => {
                let at = metadata
                    .and_then(|node| node.get("BuildMethod"))
                    .map_or(&resource.at, |node| &node.at);
                let what = format!(
                    "`{}`: code built by `{method}` is not built here",
                    resource.id
                );
                Code::Unsupported(Finding::new(at, what).help(SAM_BUILD))
            }
        }
    }

    /// `CodeUri` of a SAM function.
    fn code_uri(&self, resource: &Resource) -> Result<PathBuf, Stop> {
        let properties = &resource.properties;
        let Some(node) = properties.get("CodeUri") else {
            let what = format!("`{}` has no `CodeUri`", resource.id);
            return Err(Stop::Wrong(Finding::new(&resource.at, what)));
        };
        if node.get("Bucket").is_some() {
            return Err(in_s3(resource, &node.at));
        }
        self.code_folder(resource, node)
    }

    /// `Code` of `AWS::Lambda::Function`.
    fn lambda_code(&self, resource: &Resource) -> Result<PathBuf, Stop> {
        let Some(node) = resource.properties.get("Code") else {
            let what = format!("`{}` has no `Code`", resource.id);
            return Err(Stop::Wrong(Finding::new(&resource.at, what)));
        };
        // What `aws cloudformation package` takes: a folder.
        if node.as_text().is_some() || node.call().is_some() {
            return self.code_folder(resource, node);
        }
        // The CDK says where the asset lies beside the template that it wrote ("Assets" in its
        // guide).
        let asset = resource.metadata.as_ref();
        let asset = asset.and_then(|metadata| metadata.get("aws:asset:path"));
        match asset {
            Some(asset) => self.code_folder(resource, asset),
            None if node.get("S3Key").is_some() => match self.serverless_folder() {
                Some(folder) => Ok(folder),
                None => Err(in_s3(resource, &node.at)),
            },
            None => Err(in_s3(resource, &node.at)),
        }
    }

    /// The folder of a service of the Serverless Framework, which writes its template into
    /// `.serverless` of it ("Packaging" in its guide) and packs the service itself: handlers are
    /// named from there.
    fn serverless_folder(&self) -> Option<PathBuf> {
        let service = self.folder.parent()?;
        self.folder
            .ends_with(".serverless")
            .then(|| service.canonicalize().ok())?
    }

    /// A folder beside the template.
    fn code_folder(&self, resource: &Resource, node: &Node) -> Result<PathBuf, Stop> {
        let id = &resource.id;
        let unsupported = |what: String| Stop::Unresolved(Finding::new(&node.at, what));
        let path = self.scope.text(node).map_err(|stop| match stop {
            Stop::Unresolved(finding) => {
                unsupported(format!("`{id}` has no code here: {}", finding.what))
            }
            wrong @ Stop::Wrong(_) => wrong,
        })?;
        let Some(path) = path else {
            return Err(unsupported(format!("`{id}` has no code")));
        };
        if path.contains("://") {
            return Err(in_s3(resource, &node.at));
        }
        let folder = self.folder.join(Path::new(&path));
        if folder.is_file() {
            let what = format!("`{id}`: `{path}` is no folder; unpack it, and name that");
            return Err(unsupported(what));
        }
        folder.canonicalize().map_err(|error| {
            let shown = folder.display();
            unsupported(format!("`{id}`: there is no code in {shown}: {error}"))
        })
    }
}

/// `InlineCode` of a SAM function, `ZipFile` of another.
fn inline_code(resource: &Resource) -> Option<&Node> {
    let properties = &resource.properties;
    match resource.kind.as_str() {
        "AWS::Serverless::Function" => properties.get("InlineCode"),
        _ => properties.get("Code")?.get("ZipFile"),
    }
}

fn in_s3(resource: &Resource, at: &At) -> Stop {
    let what = format!("`{}`: its code is in S3", resource.id);
    Stop::Unresolved(Finding::new(at, what).help("name the folder with its code"))
}
