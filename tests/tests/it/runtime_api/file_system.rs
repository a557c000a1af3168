//! What functions find of the machine's files. Lambda guide, "Understanding the Lambda execution
//! environment lifecycle", "Configure ephemeral storage for Lambda functions".

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use gatepost_runtime_api::FileSystem;
use gatepost_runtime_api::Supervisor;
use gatepost_runtime_api::is_lambda_possible;
use tempfile::TempDir;

use super::puppet::Puppet;
use super::stage::PUPPET;
use super::stage::SUPERVISOR;
use super::stage::Stage;

/// A project: `code` is the function's folder, and `kept` in it stays as it is.
fn project() -> TempDir {
    let project = tempfile::tempdir().unwrap();
    fs::create_dir_all(project.path().join("code/kept")).unwrap();
    fs::write(project.path().join("code/source"), "as it was").unwrap();
    project
}

async fn stage(project: &Path) -> Stage {
    let code = project.join("code");
    let kept = vec![code.join("kept")];
    Stage::with(
        |config| config.file_system = FileSystem::Lambda { kept },
        |function| function.command.folder = code,
    )
    .await
}

/// A machine of which two environments work, and these.
async fn two(project: &Path) -> (Stage, Puppet, Puppet) {
    let stage = stage(project).await;
    let mut first = stage.puppet().await;
    let _one = stage.invoke("1");
    first.next().await;
    let _two = stage.invoke("2");
    let second = stage.puppet().await;
    (stage, first, second)
}

#[tokio::test]
async fn code_can_be_read_and_not_written_to() {
    let project = project();
    let stage = stage(project.path()).await;
    let mut puppet = stage.puppet().await;
    assert_eq!(puppet.order("shell cat source").await, "as it was");
    // By its name as by the working directory.
    let by_name = format!("echo changed > {}/code/source", project.path().display());
    for write in ["echo changed > source", &by_name, "rm source", "mkdir more"] {
        let said = puppet.order(&format!("shell {write}")).await;
        assert!(said.contains("Read-only file system"), "{write}: {said}");
    }
    let source = fs::read_to_string(project.path().join("code/source"));
    assert_eq!(source.unwrap(), "as it was");
    // It is the function's view: everybody else writes as before.
    fs::write(project.path().join("code/source"), "changed").unwrap();
    assert_eq!(puppet.order("shell cat source").await, "changed");
    stage.lambda.shutdown().await;
}

#[tokio::test]
async fn what_is_kept_can_be_written_to_even_among_the_code() {
    let project = project();
    let stage = stage(project.path()).await;
    let mut puppet = stage.puppet().await;
    assert_eq!(puppet.order("shell echo 1 > kept/file").await, "");
    let file = fs::read_to_string(project.path().join("code/kept/file"));
    assert_eq!(file.unwrap(), "1\n");
    stage.lambda.shutdown().await;
}

#[tokio::test]
async fn every_environment_has_a_tmp_of_its_own_that_goes_with_it() {
    let project = project();
    let (stage, mut first, mut second) = two(project.path()).await;
    let name = format!("gatepost-{}", uuid::Uuid::new_v4());
    let write = format!("shell echo mine > /tmp/{name} && cat /tmp/{name}");
    assert_eq!(first.order(&write).await, "mine");
    let read = second.order(&format!("shell cat /tmp/{name}")).await;
    assert!(read.contains("No such file"), "{read}");
    assert!(!Path::new("/tmp").join(&name).exists());
    // Nothing says that it is another place: what reads `TMPDIR` finds `/tmp` as well.
    assert!(!second.order("variables").await.contains("TMPDIR"));
    stage.lambda.shutdown().await;
}

#[tokio::test]
async fn tmp_holds_as_much_as_its_function_has_ephemeral_storage() {
    let project = project();
    let code = project.path().to_owned();
    let stage = Stage::with(
        |config| config.file_system = FileSystem::Lambda { kept: Vec::new() },
        |function| {
            function.command.folder = code;
            function.tmp_mb = 2;
        },
    )
    .await;
    let mut puppet = stage.puppet().await;
    let write = |kb| format!("shell head -c {kb}k /dev/zero > /tmp/file && echo written");
    assert_eq!(puppet.order(&write(1_900)).await, "written");
    let said = puppet.order(&write(2_100)).await;
    assert!(said.contains("No space left on device"), "{said}");
    stage.lambda.shutdown().await;
}

#[tokio::test]
async fn who_is_not_root_has_it_in_a_user_namespace() {
    let project = project();
    let code = project.path().join("code");
    let nobody = is_root().then(|| Nobody::new(project.path()));
    let stage = Stage::with(
        |config| {
            config.file_system = FileSystem::Lambda { kept: Vec::new() };
            if let Some(nobody) = &nobody {
                config.supervisor = nobody.supervisor();
            }
        },
        |function| {
            function.command.folder = code;
            if let Some(nobody) = &nobody {
                function.command.program = nobody.puppet.clone();
            }
        },
    )
    .await;
    let mut puppet = stage.puppet().await;
    let said = puppet.order("shell echo changed > source").await;
    assert!(said.contains("Read-only file system"), "{said}");
    let ours = fs::read_link("/proc/self/ns/user").unwrap();
    let theirs = puppet.order("shell readlink /proc/self/ns/user").await;
    assert_ne!(Path::new(&theirs), ours);
    assert_ne!(puppet.order("shell id -u").await, "0");
    // Nothing is left of the rights by which it was made.
    let rights = puppet.order("shell grep CapEff /proc/self/status").await;
    assert!(rights.ends_with("0000000000000000"), "{rights}");
    let undone = puppet.order("shell umount /tmp && echo undone").await;
    assert_ne!(undone, "undone");
    stage.lambda.shutdown().await;
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Another user, with programs that it may run.
struct Nobody {
    supervisor: PathBuf,
    puppet: PathBuf,
}

impl Nobody {
    fn new(folder: &Path) -> Self {
        for folder in [folder, &folder.join("code")] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let copy = |program: &str| {
            let copy = folder.join(Path::new(program).file_name().unwrap());
            fs::copy(program, &copy).unwrap();
            copy
        };
        Self {
            supervisor: copy(SUPERVISOR),
            puppet: copy(PUPPET),
        }
    }

    fn supervisor(&self) -> Supervisor {
        let arguments = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let mut arguments = arguments.map(OsString::from).to_vec();
        arguments.extend([self.supervisor.clone().into(), "supervise".into()]);
        Supervisor {
            program: "setpriv".into(),
            arguments,
        }
    }
}

#[test]
fn whether_it_is_possible_is_found_out_with_the_reason() {
    let supervisor = |arguments: Vec<&str>| Supervisor {
        program: PathBuf::from(SUPERVISOR),
        arguments: arguments.into_iter().map(Into::into).collect(),
    };
    let project = project();
    is_lambda_possible(&supervisor(vec!["supervise"]), project.path()).unwrap();
    let gone = project.path().join("gone");
    let refused = is_lambda_possible(&supervisor(vec!["supervise"]), &gone).unwrap_err();
    assert!(refused.to_string().contains("No such file"), "{refused}");
}

#[tokio::test]
async fn every_environment_has_a_folder_of_its_own_for_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    let file_system = FileSystem::Machine {
        temporary: Some(folder.path().to_owned()),
    };
    let stage = Stage::with(|config| config.file_system = file_system, |_| {}).await;
    let mut first = stage.puppet().await;
    let _one = stage.invoke("1");
    first.next().await;
    let _two = stage.invoke("2");
    let mut second = stage.puppet().await;
    let mut folders = Vec::new();
    for puppet in [&mut first, &mut second] {
        let variables: Vec<(String, String)> =
            serde_json::from_str(&puppet.order("variables").await).unwrap();
        let own = variables.into_iter().find(|(name, _)| name == "TMPDIR");
        let (_, own) = own.unwrap();
        std::fs::write(Path::new(&own).join("file"), "text").unwrap();
        folders.push(own);
    }
    assert_ne!(folders[0], folders[1]);
    stage.lambda.shutdown().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
