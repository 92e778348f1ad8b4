//! A file system of its own, in a file on a loop device or in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::missing::{self, Lack, Missing, not_run};

/// How large each is, in bytes, unless the plan says otherwise: the least that all of them take.
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

    /// The program that makes one, and its package; `None` if it is not on a disk.
    fn maker(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Btrfs => Some(("mkfs.btrfs", "btrfs-progs")),
            Self::Ext3 => Some(("mkfs.ext3", "e2fsprogs")),
            Self::Ext4 => Some(("mkfs.ext4", "e2fsprogs")),
            Self::Tmpfs => None,
            Self::Xfs => Some(("mkfs.xfs", "xfsprogs")),
        }
    }

    /// What `mount` and the kernel call it, and how its maker is made to say nothing and ask nothing.
    fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Btrfs => ("btrfs", &["--quiet"]),
            Self::Ext3 | Self::Ext4 => ("ext4", &["-q", "-F"]),
            Self::Tmpfs => ("tmpfs", &[]),
            Self::Xfs => ("xfs", &["-q"]),
        }
    }

    /// Says what the kernel has not, if that is why one cannot be mounted. What is a module is loaded by then.
    fn lack(self, why: String) -> Lack {
        let (name, _) = self.words();
        let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
        let is_known = known.lines().any(|line| line.split_ascii_whitespace().last() == Some(name));
        let has_device = self.maker().is_none() || Path::new("/dev/loop-control").exists();
        if is_known && has_device { Lack::Right(why) } else { Lack::Kernel(why) }
    }
}

/// A file system that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    kind: FileSystemKind,
    size: u64,
    options: &'static [&'static str],
}

/// A file system that is mounted; unmounted, its loop device given back, when dropped. One at a time is on a loop device.
#[derive(Debug)]
pub struct FileSystem {
    plan: Plan,
    folder: TempDir,
    mounted: PathBuf,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Plan {
    /// Gives it so many bytes.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// Has it made with these options.
    #[must_use]
    pub fn mkfs(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }

    /// Makes and mounts it; `None`, and [it is said](not_run) why, where this system mounts none.
    ///
    /// # Errors
    ///
    /// [`Missing`] for the program that would make it.
    #[track_caller]
    pub fn mount(self) -> Result<Option<FileSystem>, Missing> {
        let folder = tempfile::tempdir().expect("make a folder");
        let mut alone = None;
        if let Some((program, package)) = self.kind.maker() {
            alone = Some(ONE.lock().unwrap_or_else(PoisonError::into_inner));
            let image = folder.path().join("image");
            File::create(&image).and_then(|file| file.set_len(self.size)).expect("make the file of a file system");
            let mut make = Command::new(missing::program(program, package)?);
            make.args(self.kind.words().1).args(self.options).arg(&image);
            run(&mut make).unwrap_or_else(|why| panic!("{program}: {why}"));
        }
        let mounted = folder.path().join("mounted");
        fs::create_dir(&mounted).expect("make the place to mount it at");
        let system = FileSystem { plan: self, folder, mounted, _alone: alone };
        match system.attach() {
            Ok(()) => Ok(Some(system)),
            Err(why) => {
                let why = format!("{:?} cannot be mounted here: {why}", self.kind);
                not_run(&self.kind.lack(why));
                Ok(None)
            }
        }
    }
}

impl FileSystem {
    /// Begins to say what one is to be like.
    #[must_use]
    pub fn plan(kind: FileSystemKind) -> Plan {
        Plan { kind, size: SIZE, options: &[] }
    }

    /// Returns the folder that is its top.
    pub fn path(&self) -> &Path {
        &self.mounted
    }

    /// Unmounts and mounts it again, so that only what is on the disk counts; one in memory would be empty then.
    pub fn mount_again(&self) {
        if self.plan.kind != FileSystemKind::Tmpfs {
            run(Command::new("umount").arg(&self.mounted)).expect("unmount the file system");
            self.attach().expect("mount the file system again");
        }
    }

    /// Gives one in memory another size, in bytes.
    #[track_caller]
    pub fn resize(&self, bytes: u64) {
        let options = format!("remount,size={bytes}");
        run(Command::new("mount").args(["-o", &options]).arg(&self.mounted)).expect("what was mounted can be again");
    }

    /// Takes all of its room but about so many bytes.
    pub fn fill_up(&self, left: u64) {
        let file = File::create(self.mounted.join("filler")).expect("make a file to fill the room with");
        let mut piece = self.plan.size;
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
        let mut mount = Command::new("mount");
        mount.args(["-t", self.plan.kind.words().0]);
        match self.plan.kind.maker() {
            // The device is given back as soon as nothing is mounted from it, whoever unmounts it.
            Some(_) => mount.args(["-o", "loop"]).arg(self.folder.path().join("image")),
            None => mount.args(["-o", &format!("size={}", self.plan.size), "tmpfs"]),
        };
        run(mount.arg(&self.mounted))
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        // A process that a failed test leaves may be in it still: it then goes with that. One that was never mounted
        // cannot be unmounted either.
        drop(run(Command::new("umount").arg("--lazy").arg(&self.mounted)));
    }
}

/// Runs a command to its end, in an environment of its own; the error is what it said.
fn run(command: &mut Command) -> Result<(), String> {
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))
}
