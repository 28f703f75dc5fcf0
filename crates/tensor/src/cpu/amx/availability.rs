use std::{
    arch::x86_64::{__cpuid, __cpuid_count},
    sync::OnceLock,
};

/// Checks that this processor multiplies tiles of bfloat16 and the system lets this process use them.
///
/// Tiles are large registers, which Linux saves only for processes that requested them (kernel documentation,
/// "Using XSTATE features in user space applications").
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && ask_for_tiles())
}

fn has_instructions() -> bool {
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    let leaves = __cpuid(0).eax;
    leaves >= 7 && __cpuid_count(7, 0).edx & (BF16 | TILE) == BF16 | TILE
}

#[cfg(target_os = "linux")]
fn ask_for_tiles() -> bool {
    const REQUEST_PERMISSION: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: this call of arch_prctl takes two numbers and changes nothing but the permission.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}

/// Tiles are used on Linux only.
#[cfg(not(target_os = "linux"))]
fn ask_for_tiles() -> bool {
    false
}
