//! Flushing of denormal numbers to zero, for the time of a kernel.
//!
//! Networks without biases in the ordered phase produce denormals, which some processors compute a hundred times more
//! slowly. Every kernel runs in this mode on every thread, so results do not depend on where a task lands.

/// Flushes denormals until dropped.
pub(crate) struct FlushDenormals {
    saved: Control,
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
#[cfg(target_arch = "aarch64")]
type Control = u64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Control = ();

/// Flush-to-zero and denormals-are-zero of MXCSR.
#[cfg(target_arch = "x86_64")]
const FLUSH: Control = 0x8040;
/// FZ of FPCR.
#[cfg(target_arch = "aarch64")]
const FLUSH: Control = 1 << 24;

impl FlushDenormals {
    pub(crate) fn new() -> Self {
        let saved = read();
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        write(saved | FLUSH);
        Self { saved }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        write(self.saved);
    }
}

#[cfg(target_arch = "x86_64")]
fn read() -> Control {
    let mut control = 0_u32;
    // SAFETY: stmxcsr stores 32 bits to the given address; SSE is part of x86-64.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack, preserves_flags))
    };
    control
}

#[cfg(target_arch = "x86_64")]
fn write(control: Control) {
    // SAFETY: ldmxcsr reads 32 bits from the given address; the value differs from one the processor reported in its
    // flush bits only, so no exception is unmasked. The kernels between do not rely on denormals.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, preserves_flags, readonly))
    };
}

#[cfg(target_arch = "aarch64")]
fn read() -> Control {
    let control: u64;
    // SAFETY: reading FPCR has no side effect.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags))
    };
    control
}

#[cfg(target_arch = "aarch64")]
fn write(control: Control) {
    // SAFETY: the value differs from one the processor reported in its flush bit only.
    unsafe { std::arch::asm!("msr fpcr, {}", in(reg) control, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read() -> Control {}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write((): Control) {}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn denormals_are_flushed_and_restored() {
        let halved = || black_box(f32::MIN_POSITIVE) * black_box(0.5);
        assert!(halved() > 0.0);
        {
            let _flush = FlushDenormals::new();
            assert!(halved().to_bits() == 0);
        }
        assert!(halved() > 0.0);
    }
}
