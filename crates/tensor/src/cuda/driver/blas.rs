use std::sync::Arc;

use cudarc::{
    cublas::{
        result::{self, CublasError},
        sys,
    },
    driver::CudaStream,
};

use super::pool::Pool;
use crate::{Precision, cuda::product::ColumnMajorProduct};

/// The library of products on one stream, opened on first use: it takes memory and time.
pub(super) struct Blas {
    handle: Option<sys::cublasHandle_t>,
    stream: Arc<CudaStream>,
    pool: Arc<Pool>,
    /// Its own memory; 0 before the handle is there.
    workspace: u64,
}

/// Workspace of the library, as its documentation recommends for large devices.
const WORKSPACE_BYTES: usize = 32 << 20;

// SAFETY: a handle may be used by any thread, one at a time; `product` and `drop` take the whole of it.
unsafe impl Send for Blas {}

impl Blas {
    pub(super) fn new(stream: &Arc<CudaStream>, pool: &Arc<Pool>) -> Self {
        let (stream, pool) = (Arc::clone(stream), Arc::clone(pool));
        Self { handle: None, stream, pool, workspace: 0 }
    }

    /// True once the library has its memory.
    pub(super) const fn is_open(&self) -> bool {
        self.workspace != 0
    }

    /// Opens the library unless that was done. The device must be this thread's.
    pub(super) fn open(&mut self, label: &str) -> crate::Result<()> {
        if !self.is_open() {
            self.workspace = self.pool.take(WORKSPACE_BYTES, label)?.0;
        }
        Ok(())
    }

    fn handle(&mut self) -> Result<sys::cublasHandle_t, CublasError> {
        if let Some(handle) = self.handle {
            return Ok(handle);
        }
        let handle = result::create_handle()?;
        // A handle that is not ready would work on another stream: it is not kept.
        self.prepare(handle).inspect_err(|_| {
            // SAFETY: nobody else has it; a failure would leak it.
            let _ = unsafe { result::destroy_handle(handle) };
        })?;
        Ok(*self.handle.insert(handle))
    }

    /// Gives a new handle its stream and its memory.
    fn prepare(&self, handle: sys::cublasHandle_t) -> Result<(), CublasError> {
        // SAFETY: the handle is new; the stream lives as long as this. The bindings have their own name for its type.
        unsafe { result::set_stream(handle, self.stream.cu_stream().cast()) }?;
        // The library's own memory is shared by its streams and cannot be taken while work is recorded.
        // SAFETY: the memory is this stream's, and lives as long as the handle.
        unsafe { sys::cublasSetWorkspace_v2(handle, self.workspace as *mut _, WORKSPACE_BYTES) }
            .result()
    }

    /// # Safety
    /// The device is this thread's, and the addresses are of matrices as `product` has them.
    pub(super) unsafe fn product(
        &mut self,
        product: &ColumnMajorProduct,
        [a, b, c]: [u64; 3],
    ) -> Result<(), CublasError> {
        const F32: sys::cudaDataType = sys::cudaDataType_t::CUDA_R_32F;
        let operation = |transposed| {
            if transposed {
                sys::cublasOperation_t::CUBLAS_OP_T
            } else {
                sys::cublasOperation_t::CUBLAS_OP_N
            }
        };
        let compute = match product.factors {
            Precision::Tf32 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
            Precision::F32 | Precision::Bf16 => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        let factor = match product.factors {
            Precision::F32 | Precision::Tf32 => F32,
            Precision::Bf16 => sys::cudaDataType_t::CUDA_R_16BF,
        };
        let [m, n, k] = [product.m, product.n, product.k].map(|size| size as i32);
        let [lda, ldb, ldc] = product.leading.map(|size| size.max(1) as i32);
        let handle = self.handle()?;
        // SAFETY: the caller's matrices; the factors are read before this returns.
        unsafe {
            result::gemm_ex(
                handle,
                operation(product.transposed[0]),
                operation(product.transposed[1]),
                m,
                n,
                k,
                (&raw const product.alpha).cast(),
                a as *const _,
                factor,
                lda,
                b as *const _,
                factor,
                ldb,
                (&raw const product.beta).cast(),
                c as *mut _,
                F32,
                ldc,
                compute,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
    }
}

impl Drop for Blas {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take()
            && self.stream.context().bind_to_thread().is_ok()
        {
            // SAFETY: nobody else has it; a failure would leak it.
            let _ = unsafe { result::destroy_handle(handle) };
        }
        if self.workspace != 0 {
            self.pool.put_back(self.workspace, WORKSPACE_BYTES);
        }
    }
}
