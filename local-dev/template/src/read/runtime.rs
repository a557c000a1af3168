//! `Runtime`: which of Lambda's run here, and which are none.

use crate::eval::Resource;
use crate::finding::Finding;
use crate::finding::FindingKind;
use crate::read::Reader;
use crate::suggest::did_you_mean;

/// Runtimes that somebody may have meant ("Lambda runtimes" in its guide).
const KNOWN: &[&str] = &[
    "provided.al2023",
    "provided.al2",
    "nodejs24.x",
    "nodejs22.x",
    "nodejs20.x",
    "nodejs18.x",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
    "python3.9",
    "java25",
    "java21",
    "java17",
    "dotnet8",
    "ruby3.4",
    "ruby3.3",
];

/// Beginnings of runtimes that run on AWS only, before a version.
const ELSEWHERE: &[&str] = &[
    "dotnet",
    "dotnetcore",
    "go",
    "java",
    "nodejs",
    "python",
    "ruby",
];

/// What becomes of a runtime.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    RunsHere,
    RunsOnAws,
    None,
}

impl Reader<'_> {
    /// Why no process of this runtime starts here, which is noted as well.
    pub(super) fn no_runtime(&mut self, resource: &Resource, runtime: &str) -> Option<Finding> {
        let node = resource.properties.get("Runtime")?;
        let finding = match standing(runtime) {
            Standing::RunsHere => return None,
            Standing::RunsOnAws => {
                let what = format!("the runtime {runtime} is not emulated");
                let help = "nodejs…, python3… and provided… are; whatever you start yourself runs \
                            with --attach FUNCTION";
                Finding::new(&node.at, what).help(help)
            }
            Standing::None => {
                let what = format!("`{runtime}` is no runtime of Lambda");
                let help = did_you_mean(runtime, KNOWN.iter().copied());
                let example = || "write for example `nodejs22.x` or `python3.13`".to_owned();
                Finding::new(&node.at, what)
                    .help(help.unwrap_or_else(example))
                    .of(FindingKind::FailsOnAws)
            }
        };
        self.findings.tell(finding.clone());
        Some(finding)
    }
}

fn standing(runtime: &str) -> Standing {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let major = runtime.strip_prefix("nodejs");
    let minor = runtime.strip_prefix("python3.");
    let runs_here = matches!(runtime, "provided" | "provided.al2" | "provided.al2023")
        || major
            .and_then(|version| version.strip_suffix(".x"))
            .is_some_and(is_number)
        || minor.is_some_and(is_number);
    if runs_here {
        return Standing::RunsHere;
    }
    let version = runtime.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let family = &runtime[..runtime.len() - version.len()];
    // `java8.al2`, `go1.x`, `nodejs8.10`; a version of Node.js or Python says the minor one as well.
    let is_version = version.split('.').next().is_some_and(is_number);
    let needs_minor = matches!(family, "go" | "nodejs" | "python" | "ruby" | "dotnetcore");
    match ELSEWHERE.contains(&family) && is_version && (version.contains('.') || !needs_minor) {
        true => Standing::RunsOnAws,
        false => Standing::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_run_here_on_aws_or_nowhere() {
        for (runtimes, of) in [
            (
                "nodejs18.x nodejs26.x python3.9 python3.15 provided provided.al2023",
                Standing::RunsHere,
            ),
            (
                "java8.al2 java21 dotnet8 dotnetcore3.1 ruby3.3 go1.x python2.7 nodejs8.10",
                Standing::RunsOnAws,
            ),
            (
                "nodejs nodejs20 node20.x python python3 python312 provided.al23 java ruby3 rust x",
                Standing::None,
            ),
        ] {
            for runtime in runtimes.split(' ') {
                assert_eq!(standing(runtime), of, "{runtime}");
            }
        }
        assert_eq!(standing(""), Standing::None);
    }

    #[test]
    fn every_runtime_that_is_suggested_is_one() {
        for runtime in KNOWN {
            assert_ne!(standing(runtime), Standing::None, "{runtime}");
        }
    }
}
