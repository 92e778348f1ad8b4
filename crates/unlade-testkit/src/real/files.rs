//! Real kernels and images, as Debian ships them.

use std::path::PathBuf;
use std::process::Command;

use super::{Missing, Supply};

/// Where real inputs are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RealFiles {
    /// A Linux kernel.
    pub kernel: PathBuf,
    /// The initial ramdisk of the Debian installer, compressed with gzip.
    pub initrd: PathBuf,
    /// A bootable image of iPXE.
    pub ipxe: PathBuf,
    /// A bootable image of Memtest86+.
    pub memtest: PathBuf,
}

/// Finds kernel, ramdisk and bootable images of installed packages.
///
/// # Errors
///
/// [`Missing`], naming the first package that is not installed.
pub fn real_files() -> Result<RealFiles, Missing> {
    let installer = "debian-installer-12-netboot-amd64";
    Ok(RealFiles {
        kernel: find(installer, "/text/debian-installer/amd64/linux")?,
        initrd: find(installer, "/text/debian-installer/amd64/initrd.gz")?,
        ipxe: find("ipxe", "/ipxe.iso")?,
        memtest: find("memtest86+", "x64.iso")?,
    })
}

/// Finds the file of a package whose path ends in a certain way.
fn find(package: &'static str, end: &str) -> Result<PathBuf, Missing> {
    // A machine without dpkg has no Debian packages either.
    let listing = Command::new("dpkg").args(["-L", package]).output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&listing).into_owned();
    let found = text.lines().filter(|line| line.ends_with(end)).map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| Missing::report(end, Supply::Debian(package)))
}
