//! Types of numbers in files, and their values in f32.

use safetensors::Dtype;

/// Type of the elements of a parameter, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Half precision, 5 bits of exponent.
    F16,
    /// The upper half of [`F32`](Self::F32).
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Signed, 64 bits.
    I64,
    /// Signed, 32 bits.
    I32,
    /// Signed, 16 bits.
    I16,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 8 bits.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl ElementType {
    /// Each of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::F16,
        Self::Bf16,
        Self::F32,
        Self::F64,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::U8,
        Self::Bool,
    ];

    /// Bytes of an element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Corresponding type of the `safetensors` crate.
    pub(crate) const fn dtype(self) -> Dtype {
        match self {
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
            Self::F32 => Dtype::F32,
            Self::F64 => Dtype::F64,
            Self::I64 => Dtype::I64,
            Self::I32 => Dtype::I32,
            Self::I16 => Dtype::I16,
            Self::I8 => Dtype::I8,
            Self::U8 => Dtype::U8,
            Self::Bool => Dtype::BOOL,
        }
    }

    /// Value of the element that starts at `bytes[0]`; nothing for types that are not floating-point, which parameters
    /// are.
    pub(crate) fn value(self, bytes: &[u8]) -> Option<f32> {
        Some(match (self, bytes) {
            (Self::F16, &[a, b, ..]) => half(u16::from_le_bytes([a, b])),
            (Self::Bf16, &[a, b, ..]) => f32::from_le_bytes([0, 0, a, b]),
            (Self::F32, &[a, b, c, d, ..]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F64, &[a, b, c, d, e, f, g, h, ..]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => return None,
        })
    }

    /// Values of all elements in `bytes`; nothing for types that are not floating-point.
    pub(crate) fn values(self, bytes: &[u8]) -> Option<Vec<f32>> {
        bytes.chunks_exact(self.size()).map(|element| self.value(element)).collect()
    }
}

/// Value of a number in half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff) / 1024.0);
    match exponent {
        0 => sign * fraction * 2_f32.powi(-14),
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        _ => sign * (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(element: ElementType, bytes: &[u8], expected: f32) {
        assert_eq!(element.values(bytes).unwrap()[0].to_bits(), expected.to_bits());
    }

    #[test]
    fn values_in_every_precision() {
        check(ElementType::F16, &0x3c00_u16.to_le_bytes(), 1.0);
        check(ElementType::F16, &0xc580_u16.to_le_bytes(), -5.5);
        check(ElementType::F16, &0x0001_u16.to_le_bytes(), 2_f32.powi(-24));
        check(ElementType::F16, &0x7bff_u16.to_le_bytes(), 65504.0);
        check(ElementType::F16, &0xfc00_u16.to_le_bytes(), f32::NEG_INFINITY);
        check(ElementType::Bf16, &0xc0b0_u16.to_le_bytes(), -5.5);
        check(ElementType::F64, &0.1_f64.to_le_bytes(), 0.1);
        assert!(half(0x7c01).is_nan());
        assert_eq!(ElementType::I64.values(&[0; 8]), None);
    }
}
