//! Folder of files that are made only once.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

/// The folder `variable` names, else one called `name` among the user's caches; none where there is none.
pub fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let usual = || {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
        cache.map(|folder| folder.join("isobath").join(name))
    };
    named.or_else(usual).filter(|folder| !folder.as_os_str().is_empty())
}

/// Hash of `parts`, in 32 digits.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Time for which files are kept after they were made: those of old kernels are not used again.
const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// Removes the files in `folder` with one of `endings` that were made too long before `now`. What cannot be removed stays.
pub fn prune(folder: &Path, endings: &[&str], now: SystemTime) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours =
            path.extension().is_some_and(|ending| endings.iter().any(|&own| own == ending));
        let made = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old =
            made.is_ok_and(|made| now.duration_since(made).is_ok_and(|age| age > KEPT_FOR));
        if is_ours && is_old {
            let _ = fs::remove_file(path);
        }
    }
}

/// Checks that files can be kept in `folder`, by keeping one for a moment. Makes the folder.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}.part", std::process::id()));
    fs::write(&file, "")?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_files_are_removed() {
        let folder = env::temp_dir().join(format!("isobath-pruned-{}", std::process::id()));
        try_folder(&folder).unwrap();
        for name in ["old.so", "new.so", "old.toml"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let now = SystemTime::now() + KEPT_FOR;
        let new = fs::File::options().write(true).open(folder.join("new.so")).unwrap();
        new.set_modified(now).unwrap();
        prune(&folder, &["so"], now + Duration::from_secs(60));
        let left: Vec<bool> =
            ["old.so", "new.so", "old.toml"].map(|name| folder.join(name).exists()).into();
        assert_eq!(left, [false, true, true]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_below_a_file_is_an_error() {
        let file = env::temp_dir().join(format!("isobath-file-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        assert!(try_folder(&file.join("kernels")).is_err());
        fs::remove_file(file).unwrap();
    }
}
