//! Machine and program version of a run.

use isobath_tensor::SimdLevel;

/// Version, commit and instruction set of this program, which are recorded beside its results.
pub fn program() -> String {
    let facts = facts();
    let fact = |name: &str| {
        let found = facts.iter().find(|(fact, _)| fact == name);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    let (version, commit, simd) = (fact("isobath"), fact("commit"), fact("SIMD"));
    format!("isobath {version} (commit {commit}, {} {simd})", std::env::consts::ARCH)
}

/// Names and values that describe program, machine and threads.
pub fn facts() -> Vec<(String, String)> {
    let threads = rayon::current_num_threads().to_string();
    let host = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    [
        ("isobath", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", std::env::var("ISOBATH_COMMIT").unwrap_or_else(|_| "unknown".to_owned())),
        ("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("processor", host.unwrap_or_else(|| "unknown".to_owned())),
        ("SIMD", SimdLevel::detect().to_string()),
        ("threads", threads),
        ("denormals", "flushed to zero in cpu kernels".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Returns the [`facts`] as a JSON object.
///
/// # Panics
/// Never; text is serialisable.
pub fn json() -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        facts().into_iter().map(|(name, value)| (name, value.into())).collect();
    serde_json::to_string_pretty(&object).expect("text is serialisable")
}

/// Peak resident memory of this process, in bytes; `None` if the system does not report it.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_includes_freed_memory() {
        const BYTES: usize = 64 << 20;
        let touched = std::hint::black_box(vec![1_u8; BYTES]);
        drop(touched);
        assert!(super::peak_memory().unwrap() > BYTES as u64);
    }
}
