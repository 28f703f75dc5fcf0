use isobath_tensor::{Precision, cuda::device::ColumnMajorProduct};

/// Number of bytes that the product reads or writes from each address on.
pub(super) fn extents(product: &ColumnMajorProduct) -> [usize; 3] {
    let ColumnMajorProduct { m, n, k, transposed, leading, .. } = *product;
    let [a, b] = transposed;
    let stored = [if a { (k, m) } else { (m, k) }, if b { (n, k) } else { (k, n) }, (m, n)];
    let mut extents = leading;
    for (extent, (rows, columns)) in extents.iter_mut().zip(stored) {
        *extent = if rows == 0 || columns == 0 { 0 } else { *extent * (columns - 1) + rows };
    }
    let factor = if product.factors == Precision::Bf16 { 2 } else { 4 };
    extents.iter_mut().zip([factor, factor, 4]).for_each(|(extent, size)| *extent *= size);
    extents
}

/// The product as plain loops, summed in f64; the factors as they are.
///
/// # Safety
/// From each address on there are as many bytes as [`extents`] says, and nobody else uses `c`'s.
pub(super) unsafe fn multiply(product: &ColumnMajorProduct, addresses: [u64; 3]) {
    let ColumnMajorProduct { m, n, k, transposed, leading, alpha, beta, .. } = *product;
    let c = addresses[2] as *mut f32;
    let factor = |which: usize, index: usize| {
        // SAFETY: within the extents of `a` and `b`.
        f64::from(unsafe {
            if product.factors == Precision::Bf16 {
                let bits = *(addresses[which] as *const u16).add(index);
                f32::from_bits(u32::from(bits) << 16)
            } else {
                *(addresses[which] as *const f32).add(index)
            }
        })
    };
    let index = |which: usize, row: usize, column: usize| {
        if transposed[which] {
            column + row * leading[which]
        } else {
            row + column * leading[which]
        }
    };
    for j in 0..n {
        for i in 0..m {
            let term = |l| factor(0, index(0, i, l)) * factor(1, index(1, l, j));
            let sum: f64 = (0..k).map(term).sum();
            // SAFETY: within the extent of `c`, which is read only where the product asks for it.
            unsafe {
                let c = c.add(i + j * leading[2]);
                let old = if beta == 0.0 { 0.0 } else { f64::from(beta) * f64::from(*c) };
                *c = (f64::from(alpha) * sum + old) as f32;
            }
        }
    }
}
