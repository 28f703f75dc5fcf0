//! Kind of the file system that holds a path.

use std::path::{Path, PathBuf};

/// Environment variable that replaces the detected kind, for tests: `ext4`, `nfs`.
const OVERRIDE: &str = "ISOBATH_FILE_SYSTEM";

/// File systems of one machine, whose locks all processes see.
const LOCAL: [&str; 13] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs",
    "tmpfs", "xfs", "zfs",
];

/// True if only one machine can have `path`. Network file systems, FUSE and unknown kinds count as shared.
pub(crate) fn is_local(path: &Path) -> bool {
    let kind = std::env::var(OVERRIDE).ok().or_else(|| {
        let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
        kind(&mounts, &path.canonicalize().ok()?)
    });
    kind.is_some_and(|kind| LOCAL.contains(&kind.as_str()))
}

/// Kind of the file system of an absolute `path`, from a table of mounts such as `/proc/self/mounts`.
fn kind(mounts: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let folder = PathBuf::from(unescaped(words.next()?));
        let kind = words.next()?.to_owned();
        path.starts_with(&folder).then(|| (folder.components().count(), kind))
    };
    // Of several mounts on one folder, the last one is visible.
    let (_, kind) = mounts.lines().filter_map(mount).max_by_key(|(depth, _)| *depth)?;
    Some(kind)
}

/// Replaces the escapes of the table: `\040` is a space.
fn unescaped(folder: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(folder.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\n\
                      tmpfs /home/a\\040b tmpfs rw 0 0\n/dev/sdb /mnt ext4 rw 0 0\nx /mnt lustre rw 0 0\n";
        for (path, expected) in [
            ("/etc/x", "ext4"),
            ("/home/me/runs", "nfs4"),
            ("/homes", "ext4"),
            ("/home/a b/c", "tmpfs"),
            ("/mnt/runs", "lustre"),
        ] {
            assert_eq!(kind(mounts, Path::new(path)).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(kind("", Path::new("/x")), None);
    }
}
