//! The interface of the library of products, as far as it is used.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "pointers are those of the caller, who promises what the documentation of CUDA asks for"
)]

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use cudarc::{
    cublas::sys::{
        cublasComputeType_t as ComputeType, cublasGemmAlgo_t as Algorithm, cublasHandle_t,
        cublasOperation_t as Operation, cublasStatus_t as Status, cudaDataType_t as DataType,
        cudaStream_t, libraryPropertyType_t as Property,
    },
    driver::sys::CUresult,
};
use isobath_tensor::{Precision, cuda::device::ColumnMajorProduct};

use super::{
    Symbol, VERSION,
    answer::answer,
    machine::{Machine, Outcome, Work, call, call_in_context},
    symbols,
};

pub(super) const SYMBOLS: &[Symbol] = symbols![
    "cublasGetProperty" => get_property,
    "cublasCreate_v2" => create,
    "cublasDestroy_v2" => destroy,
    "cublasSetStream_v2" => set_stream,
    "cublasSetWorkspace_v2" => set_workspace,
    "cublasGemmEx" => gemm_ex,
];

/// A handle of the library's.
#[derive(Debug, Default)]
pub(super) struct Handle {
    stream: usize,
    /// Its address and its bytes.
    workspace: Option<(u64, usize)>,
}

/// Status of the library for an error of the driver.
fn status(outcome: CUresult) -> Status {
    match outcome {
        CUresult::CUDA_SUCCESS => Status::CUBLAS_STATUS_SUCCESS,
        CUresult::CUDA_ERROR_NOT_INITIALIZED | CUresult::CUDA_ERROR_INVALID_CONTEXT => {
            Status::CUBLAS_STATUS_NOT_INITIALIZED
        }
        CUresult::CUDA_ERROR_INVALID_VALUE => Status::CUBLAS_STATUS_INVALID_VALUE,
        CUresult::CUDA_ERROR_NOT_SUPPORTED => Status::CUBLAS_STATUS_NOT_SUPPORTED,
        _ => Status::CUBLAS_STATUS_EXECUTION_FAILED,
    }
}

fn handle_of(machine: &mut Machine, handle: cublasHandle_t) -> Outcome<&mut Handle> {
    machine.handles.get_mut(&handle.addr()).ok_or(CUresult::CUDA_ERROR_NOT_INITIALIZED)
}

unsafe extern "C" fn get_property(property: Property, value: *mut c_int) -> Status {
    let [major, minor] = VERSION;
    let found = if property == Property::MAJOR_VERSION { major } else { minor };
    status(call(|_| unsafe { answer(value, found) }))
}

unsafe extern "C" fn create(handle: *mut cublasHandle_t) -> Status {
    status(call_in_context(|machine| {
        // It takes memory.
        machine.refuse_while_recording()?;
        let number = machine.next();
        machine.handles.insert(number, Handle::default());
        unsafe { answer(handle, ptr::without_provenance_mut(number)) }
    }))
}

extern "C" fn destroy(handle: cublasHandle_t) -> Status {
    status(call_in_context(|machine| {
        machine.refuse_while_recording()?;
        handle_of(machine, handle)?;
        machine.handles.remove(&handle.addr());
        Ok(())
    }))
}

/// The workspace is the library's own from then on.
extern "C" fn set_stream(handle: cublasHandle_t, stream: cudaStream_t) -> Status {
    status(call_in_context(|machine| {
        *handle_of(machine, handle)? = Handle { stream: stream.addr(), workspace: None };
        Ok(())
    }))
}

extern "C" fn set_workspace(handle: cublasHandle_t, memory: *mut c_void, bytes: usize) -> Status {
    status(call_in_context(|machine| {
        let address = memory.addr() as u64;
        if !machine.is_memory(address, bytes) {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        handle_of(machine, handle)?.workspace = Some((address, bytes));
        Ok(())
    }))
}

unsafe extern "C" fn gemm_ex(
    handle: cublasHandle_t,
    transpose_a: Operation,
    transpose_b: Operation,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: *const c_void,
    a: *const c_void,
    a_type: DataType,
    lda: c_int,
    b: *const c_void,
    b_type: DataType,
    ldb: c_int,
    beta: *const c_void,
    c: *mut c_void,
    c_type: DataType,
    ldc: c_int,
    compute: ComputeType,
    _: Algorithm,
) -> Status {
    const F32: DataType = DataType::CUDA_R_32F;
    const BF16: DataType = DataType::CUDA_R_16BF;
    status(call_in_context(|machine| {
        let &mut Handle { stream, workspace } = handle_of(machine, handle)?;
        let Some((address, bytes)) = workspace.filter(|_| stream != 0) else {
            // The library's own workspace is taken from the driver, and not while work is recorded.
            return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED);
        };
        if !machine.is_memory(address, bytes) {
            return Err(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
        }
        let transposed = [transpose_a, transpose_b].map(|op| op == Operation::CUBLAS_OP_T);
        let rows = [if transposed[0] { k } else { m }, if transposed[1] { n } else { k }, m];
        let is_too_short = [lda, ldb, ldc].iter().zip(rows).any(|(&ld, rows)| ld < rows.max(1));
        let factors = match (a_type, b_type, compute) {
            (F32, F32, ComputeType::CUBLAS_COMPUTE_32F) => Precision::F32,
            (F32, F32, ComputeType::CUBLAS_COMPUTE_32F_FAST_TF32) => Precision::Tf32,
            (BF16, BF16, ComputeType::CUBLAS_COMPUTE_32F) => Precision::Bf16,
            _ => return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
        };
        if m < 0 || n < 0 || k < 0 || is_too_short || c_type != F32 {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        let product = ColumnMajorProduct {
            m: m as usize,
            n: n as usize,
            k: k as usize,
            transposed,
            leading: [lda, ldb, ldc].map(|ld| ld as usize),
            alpha: unsafe { alpha.cast::<f32>().read() },
            beta: unsafe { beta.cast::<f32>().read() },
            factors,
        };
        let addresses = [a.addr(), b.addr(), c.addr()].map(|address| address as u64);
        machine.give(stream, Work::Product(product, addresses))
    }))
}
