//! File systems of a chosen size, mounted for a test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system of its own; it is unmounted when this value is dropped.
pub struct Mount {
    path: PathBuf,
    // The mount point, and the file that holds the file system.
    _folder: TempDir,
}

impl Mount {
    /// Mounts a tmpfs of so many KiB, or says why that is not to be had.
    pub fn tmpfs(kib: u64) -> Result<Self, String> {
        Self::attach(|_| Ok(vec!["-t".to_owned(), "tmpfs".to_owned(), "-o".to_owned(), size(kib), "tmpfs".to_owned()]))
    }

    /// Mounts an ext4 of so many MiB, with few inodes, on a loop device, or says why that is not to be had.
    pub fn ext4(mib: u64) -> Result<Self, String> {
        Self::attach(|folder| {
            let image = folder.join("image");
            let made = File::create(&image).and_then(|file| file.set_len(mib << 20));
            made.map_err(|error| format!("no image of a disk: {error}"))?;
            let options = ["-q", "-F", "-m", "0", "-b", "4096", "-O", "^has_journal", "-N", "64"];
            run(Command::new("/usr/sbin/mkfs.ext4").args(options).arg(&image))?;
            Ok(vec!["-o".to_owned(), "loop".to_owned(), image.display().to_string()])
        })
    }

    fn attach(arguments: impl Fn(&Path) -> Result<Vec<String>, String>) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("make a folder for a mount");
        let path = folder.path().join("mount");
        std::fs::create_dir(&path).expect("make a mount point");
        run(Command::new("/usr/bin/mount").args(arguments(folder.path())?).arg(&path))?;
        Ok(Self { path, _folder: folder })
    }

    /// Gives the folder at which it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives a tmpfs another size, in KiB.
    #[track_caller]
    pub fn resize(&self, kib: u64) {
        let options = format!("remount,{}", size(kib));
        run(Command::new("/usr/bin/mount").args(["-o", &options]).arg(&self.path))
            .expect("what was mounted can be again");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What still uses it ends with the test; it is unmounted then.
        drop(run(Command::new("/usr/bin/umount").arg("--lazy").arg(&self.path)));
    }
}

fn size(kib: u64) -> String {
    format!("size={kib}k")
}

/// Runs a command to its end; the error is what it said.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/sbin:/usr/bin").output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
