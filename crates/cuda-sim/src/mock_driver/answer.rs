#![expect(clippy::undocumented_unsafe_blocks, reason = "the pointer is the caller's")]

use cudarc::driver::sys::CUresult;

use super::machine::Outcome;

/// Writes a result of a call to the caller's place.
///
/// # Safety
/// The caller's pointer is to such a place.
pub(super) unsafe fn answer<T>(place: *mut T, value: T) -> Outcome {
    if place.is_null() {
        return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
    }
    unsafe { place.write(value) };
    Ok(())
}
