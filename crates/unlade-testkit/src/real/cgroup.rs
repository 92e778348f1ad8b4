//! A control group with little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where control groups are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// Groups of one process have names of their own.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A control group, below that of the tests; it is removed when this value is dropped.
pub struct Cgroup {
    path: PathBuf,
    /// The file that says how much was in use at most.
    peak: &'static str,
}

impl Cgroup {
    /// Makes a group whose processes may use so many bytes, or says why that is not to be had.
    pub fn with_memory(bytes: u64) -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("no control groups: {error}"))?;
        let of = |hierarchy: &str| own.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(hierarchy));
        // The second version has one hierarchy, the first one for each resource.
        let is_second = Path::new(MOUNTED).join("cgroup.controllers").is_file();
        let (hierarchy, root, limit, peak) = if is_second {
            (":/", PathBuf::from(MOUNTED), "memory.max", "memory.peak")
        } else {
            ("memory:/", Path::new(MOUNTED).join("memory"), "memory.limit_in_bytes", "memory.max_usage_in_bytes")
        };
        let own = of(hierarchy).ok_or("no control group for memory")?;
        let name = format!("unlade-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let path = root.join(own).join(name);
        fs::create_dir(&path).map_err(|error| format!("no control group {}: {error}", path.display()))?;
        let group = Self { path, peak };
        let limited = fs::write(group.path.join(limit), bytes.to_string());
        limited.map_err(|error| format!("no limit on memory: {error}"))?;
        Ok(group)
    }

    /// Gives the file that a process writes `0` to, to be of the group.
    pub fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Gives how many bytes were in use at most, the pages of files included; `None` where the kernel does not tell.
    pub fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.path.join(self.peak)).ok()?.trim().parse().ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that is still in it keeps it there.
        drop(fs::remove_dir(&self.path));
    }
}
