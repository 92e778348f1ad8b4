//! A file system of its own, in a file on a loop device or in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::missing::{self, Missing, not_run};

/// How large each is, in bytes: the least that all of them take.
const SIZE: u64 = 320 << 20;

/// There may be as few as one loop device.
static ONE: Mutex<()> = Mutex::new(());

/// What can be mounted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileSystemKind {
    /// Copies on write.
    Btrfs,
    /// As the third one was: it cannot allocate ahead.
    Ext3,
    /// What most machines have.
    Ext4,
    /// In memory.
    Tmpfs,
    /// What large machines have.
    Xfs,
}

impl FileSystemKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Btrfs, Self::Ext3, Self::Ext4, Self::Tmpfs, Self::Xfs];

    /// The program that makes one, its package and its options; and what `mount` calls it.
    fn tools(self) -> (Option<(&'static str, &'static str)>, &'static [&'static str], &'static str) {
        match self {
            Self::Btrfs => (Some(("mkfs.btrfs", "btrfs-progs")), &["--quiet"], "btrfs"),
            Self::Ext3 => (Some(("mkfs.ext3", "e2fsprogs")), &["-q", "-F"], "ext4"),
            Self::Ext4 => (Some(("mkfs.ext4", "e2fsprogs")), &["-q", "-F"], "ext4"),
            Self::Tmpfs => (None, &[], "tmpfs"),
            Self::Xfs => (Some(("mkfs.xfs", "xfsprogs")), &["-q"], "xfs"),
        }
    }
}

/// A file system that is mounted; unmounted, its loop device given back, when dropped. One at a time exists.
#[derive(Debug)]
pub struct FileSystem {
    kind: FileSystemKind,
    folder: TempDir,
    mounted: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl FileSystem {
    /// Makes and mounts one; `None`, and it is said why, where this system mounts none.
    ///
    /// # Errors
    ///
    /// [`Missing`] for the program that would make it.
    #[track_caller]
    pub fn mount(kind: FileSystemKind) -> Result<Option<Self>, Missing> {
        let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("make a folder");
        let (maker, options, _) = kind.tools();
        if let Some((program, package)) = maker {
            let image = folder.path().join("image");
            File::create(&image).and_then(|file| file.set_len(SIZE)).expect("make the file of a file system");
            let made = Command::new(missing::program(program, package)?).args(options).arg(&image).output();
            let made = made.expect("run what makes file systems");
            assert!(made.status.success(), "{program}: {}", said(&made));
        }
        let mounted = folder.path().join("mounted");
        fs::create_dir(&mounted).expect("make the place to mount it at");
        let system = Self { kind, folder, mounted, _alone: alone };
        match system.attach() {
            Ok(()) => Ok(Some(system)),
            Err(why) => {
                not_run(&format!("{kind:?} cannot be mounted here: {why}"));
                Ok(None)
            }
        }
    }

    /// Returns the folder that is its top.
    pub fn path(&self) -> &Path {
        &self.mounted
    }

    /// Unmounts and mounts it again, so that only what is on the disk counts; one in memory would be empty then.
    pub fn mount_again(&self) {
        if self.kind != FileSystemKind::Tmpfs {
            self.detach().expect("unmount the file system");
            self.attach().expect("mount the file system again");
        }
    }

    /// Takes all of its room but about so many bytes.
    pub fn fill_up(&self, left: u64) {
        let file = File::create(self.mounted.join("filler")).expect("make a file to fill the room with");
        let mut piece = SIZE;
        // What fits is not what is free: file systems keep some of it for themselves.
        while piece >= 1 << 16 {
            let length = file.metadata().expect("look at the filler").len();
            let free = rustix::fs::fstatvfs(&file).map_or(0, |system| system.f_bavail * system.f_frsize);
            let taken = free >= left + piece
                && rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), length, piece).is_ok();
            if !taken {
                piece /= 2;
            }
        }
    }

    fn attach(&self) -> Result<(), String> {
        let (maker, _, kind) = self.kind.tools();
        let mut mount = Command::new("mount");
        mount.args(["-t", kind]);
        match maker {
            // The device is given back as soon as nothing is mounted from it, whoever unmounts it.
            Some(_) => mount.args(["-o", "loop"]).arg(self.folder.path().join("image")),
            None => mount.args(["-o", &format!("size={SIZE}"), "tmpfs"]),
        };
        run(mount.arg(&self.mounted))
    }

    fn detach(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.mounted))
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        // A process that a failed test leaves may be in it still: it then goes with that.
        if self.detach().is_err() && self.mounted.is_dir() {
            let _unmounted_or_never_mounted = run(Command::new("umount").arg("--lazy").arg(&self.mounted));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
}
