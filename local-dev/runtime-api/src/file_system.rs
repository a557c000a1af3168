//! What a process finds of the machine's files. Lambda guide, "Understanding the Lambda execution
//! environment lifecycle" and "Configure ephemeral storage for Lambda functions": code cannot be
//! written to, and `/tmp` is the environment's own.
//!
//! [`view`] is called by a process between its start and the function's program. It needs a mount
//! namespace, which Linux gives to everybody with a user namespace, where nothing forbids that.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use crate::config::Supervisor;
use crate::supervise::PROBE;

/// What processes find of the machine's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSystem {
    /// As on Lambda: the function's folder is read-only, and `/tmp` is the environment's own, empty
    /// at its start, [`tmp_mb`](crate::FunctionSpec::tmp_mb) large, and gone with it. See
    /// [`is_lambda_possible`].
    Lambda {
        /// Folders that stay as they are, also below the function's folder or `/tmp`.
        kept: Vec<PathBuf>,
    },
    /// As it is. Each environment gets a folder of its own below this one for temporary files,
    /// `TMPDIR`, which is removed when it ends; `None` leaves that variable out.
    Machine {
        /// The folder of those folders.
        temporary: Option<PathBuf>,
    },
}

/// Whether processes that `supervisor` starts in `folder` can have [`FileSystem::Lambda`].
///
/// # Errors
/// Why not: it is no Linux, or the system forbids user namespaces, as some containers and
/// distributions do.
pub fn is_lambda_possible(supervisor: &Supervisor, folder: &Path) -> io::Result<()> {
    let output = Command::new(&supervisor.program)
        .args(&supervisor.arguments)
        .args([PROBE.as_ref(), folder.as_os_str()])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    let why = why.trim();
    Err(io::Error::other(
        why.strip_prefix("error: ").unwrap_or(why).to_owned(),
    ))
}

/// The files of one process as it will see them.
#[derive(Debug)]
pub(crate) struct View {
    /// Its working directory, which becomes read-only.
    pub(crate) code: PathBuf,
    /// How much `/tmp` holds, in MB.
    pub(crate) tmp_mb: u32,
    /// What stays as it is.
    pub(crate) kept: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::view;

/// There are no mount namespaces.
#[cfg(not(target_os = "linux"))]
pub(crate) fn view(_: &View, _: &Path) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "only Linux has mount namespaces",
    ))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::CString;
    use std::fs;
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::path::PathBuf;

    use rustix::fs::Mode;
    use rustix::fs::OFlags;
    use rustix::fs::StatVfsMountFlags;
    use rustix::mount::MountFlags;
    use rustix::mount::MountPropagationFlags;
    use rustix::thread::UnshareFlags;

    use super::View;

    const TMP: &str = "/tmp";

    /// Gives this process, which must have one thread, the files that a function sees. What is below
    /// `/tmp` of the code, of `program` and of what is kept stays visible, with the entry of `/tmp`
    /// that holds it.
    pub(crate) fn view(view: &View, program: &Path) -> io::Result<()> {
        let code = view.code.canonicalize()?;
        // One that does not exist yet cannot be kept, and whoever makes it later is refused.
        let kept = view.kept.iter().flat_map(|folder| folder.canonicalize());
        let kept: BTreeSet<PathBuf> = kept.collect();
        own_mounts().map_err(said("a mount namespace"))?;
        let inside = kept.iter().filter(|folder| folder.starts_with(&code));
        let inside: Vec<Held> = inside
            .map(|folder| Held::open(folder))
            .collect::<Result<_, _>>()?;
        if code != Path::new("/") {
            read_only(&code).map_err(said("read-only code"))?;
        }
        for folder in &inside {
            folder.show().map_err(said("the data folder"))?;
        }
        let needed = kept.iter().map(PathBuf::as_path).chain([&*code, program]);
        let below: BTreeSet<PathBuf> = needed.filter_map(entry_of_tmp).collect();
        let below: Vec<Held> = below
            .iter()
            .map(|entry| Held::open(entry))
            .collect::<Result<_, _>>()?;
        own_tmp(view.tmp_mb).map_err(said("a /tmp of its own"))?;
        for entry in below {
            entry.show().map_err(said("what is below /tmp"))?;
        }
        // The working directory still is that of the mount below.
        std::env::set_current_dir(&view.code)
    }

    /// A mount namespace of its own: root may have one; others have it in a user namespace, in which
    /// they may mount and are who they were.
    fn own_mounts() -> io::Result<()> {
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        if unshare(UnshareFlags::NEWNS).is_err() {
            unshare(UnshareFlags::NEWNS | UnshareFlags::NEWUSER)?;
            // user_namespaces(7): groups can be mapped only when nobody can leave one any more.
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
            fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
        }
        // Nothing of what follows reaches the machine.
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        Ok(rustix::mount::mount_change("/", private)?)
    }

    #[expect(
        deprecated,
        reason = "what makes it unsafe is a table of file descriptors of its own, which is not asked for"
    )]
    fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
        rustix::thread::unshare(flags)
    }

    /// Mounts a folder upon itself, without the right to write.
    fn read_only(folder: &Path) -> io::Result<()> {
        rustix::mount::mount_bind_recursive(folder, folder)?;
        // mount_namespaces(7): what the file system forbids already must stay forbidden.
        let forbidden = rustix::fs::statvfs(folder)?.f_flag;
        let flags = [
            (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
            (StatVfsMountFlags::NODEV, MountFlags::NODEV),
            (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
            (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
            (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
            (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
        ];
        let kept = flags
            .into_iter()
            .filter(|(has, _)| forbidden.contains(*has));
        let flags = kept.fold(MountFlags::BIND | MountFlags::RDONLY, |all, (_, flag)| {
            all | flag
        });
        Ok(rustix::mount::mount_remount(folder, flags, "")?)
    }

    fn own_tmp(size_mb: u32) -> io::Result<()> {
        let options = CString::new(format!("size={size_mb}m,mode=1777"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("tmpfs", TMP, "tmpfs", flags, options.as_c_str())?;
        Ok(())
    }

    /// The entry of `/tmp` that `path` is or lies in.
    fn entry_of_tmp(path: &Path) -> Option<PathBuf> {
        let first = path.strip_prefix(TMP).ok()?.components().next()?;
        Some(Path::new(TMP).join(first))
    }

    /// A path that something will be mounted over.
    struct Held {
        path: PathBuf,
        file: OwnedFd,
    }

    impl Held {
        fn open(path: &Path) -> io::Result<Self> {
            let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            Ok(Self {
                path: path.to_owned(),
                file,
            })
        }

        /// Mounts it where it was.
        fn show(&self) -> io::Result<()> {
            let held = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
            match fs::metadata(&held)?.is_dir() {
                true => fs::create_dir_all(&self.path)?,
                false => drop(File::options().create(true).append(true).open(&self.path)?),
            }
            Ok(rustix::mount::mount_bind_recursive(&held, &self.path)?)
        }
    }

    /// An error that says what was to be made.
    fn said(what: &str) -> impl Fn(io::Error) -> io::Error {
        move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_below_tmp_stays_with_the_entry_that_holds_it() {
            for (path, entry) in [
                ("/tmp/project/code", Some("/tmp/project")),
                ("/tmp/file", Some("/tmp/file")),
                ("/tmp", None),
                ("/tmpfiles/code", None),
                ("/home/code", None),
            ] {
                let entry = entry.map(PathBuf::from);
                assert_eq!(entry_of_tmp(Path::new(path)), entry, "{path}");
            }
        }
    }
}
