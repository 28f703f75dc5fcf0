use std::{ffi::c_void, ptr};

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A pointer.
    Address(u64),
    /// `int`
    I32(i32),
    /// `unsigned long long`
    U64(u64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
}

impl Argument {
    /// Address of its value.
    pub fn pointer(&self) -> *mut c_void {
        let pointer: *const c_void = match self {
            Self::Address(value) | Self::U64(value) => ptr::from_ref(value).cast(),
            Self::I32(value) => ptr::from_ref(value).cast(),
            Self::F32(value) => ptr::from_ref(value).cast(),
            Self::F64(value) => ptr::from_ref(value).cast(),
        };
        pointer.cast_mut()
    }
}

impl From<usize> for Argument {
    fn from(size: usize) -> Self {
        Self::U64(size as u64)
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self::I32(number)
    }
}

impl From<f32> for Argument {
    fn from(number: f32) -> Self {
        Self::F32(number)
    }
}

impl From<f64> for Argument {
    fn from(number: f64) -> Self {
        Self::F64(number)
    }
}
