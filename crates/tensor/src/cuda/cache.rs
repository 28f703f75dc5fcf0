//! Files that need to be made only once.

use std::{env, fmt::Write, path::PathBuf};

use sha2::{Digest, Sha256};

/// The folder `variable` names, else one called `name` among the user's caches; none where there is none.
pub(super) fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let usual = || {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
        cache.map(|folder| folder.join("isobath").join(name))
    };
    named.or_else(usual).filter(|folder| !folder.as_os_str().is_empty())
}

/// 32 digits that stand for all of `parts`.
pub(super) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
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
