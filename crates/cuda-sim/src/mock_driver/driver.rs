//! The driver's interface, as far as it is used.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "pointers are those of the caller, who promises what the documentation of CUDA asks for"
)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_ulonglong, c_void},
    ptr,
};

use cudarc::driver::sys::{
    CUcontext, CUdevice, CUdevice_attribute as Attribute, CUdeviceptr, CUfunction,
    CUfunction_attribute as FunctionAttribute, CUgraph, CUgraphExec, CUmodule, CUresult, CUstream,
    CUstreamCaptureMode as CaptureMode,
};
use isobath_tensor::cuda::device::{Argument, Device, Launch};

use super::{
    Symbol, VERSION,
    answer::answer,
    machine::{
        CONTEXT, CURRENT, Function, HostPointer, Machine, Outcome, Work, call, call_in_context,
    },
    nvrtc, symbols,
};

pub(super) const SYMBOLS: &[Symbol] = symbols![
    "cuInit" => cu_init,
    "cuDriverGetVersion" => driver_get_version,
    "cuGetErrorString" => get_error_string,
    "cuDeviceGetCount" => device_get_count,
    "cuDeviceGet" => device_get,
    "cuDeviceGetName" => device_get_name,
    "cuDeviceGetAttribute" => device_get_attribute,
    "cuDeviceTotalMem_v2" => device_total_mem,
    "cuDevicePrimaryCtxRetain" => primary_context_retain,
    "cuCtxGetCurrent" => context_get_current,
    "cuCtxSetCurrent" => context_set_current,
    "cuStreamCreate" => stream_create,
    "cuStreamDestroy_v2" => stream_destroy,
    "cuStreamSynchronize" => stream_synchronize,
    "cuStreamBeginCapture_v2" => stream_begin_capture,
    "cuStreamEndCapture" => stream_end_capture,
    "cuMemAlloc_v2" => memory_allocate,
    "cuMemFree_v2" => memory_free,
    "cuMemGetInfo_v2" => memory_get_info,
    "cuMemsetD8Async" => memory_set,
    "cuMemcpyHtoDAsync_v2" => memory_upload,
    "cuMemcpyDtoHAsync_v2" => memory_download,
    "cuMemcpyDtoDAsync_v2" => memory_copy,
    "cuModuleLoadData" => module_load_data,
    "cuModuleGetFunction" => module_get_function,
    "cuFuncSetAttribute" => function_set_attribute,
    "cuLaunchKernel" => launch_kernel,
    "cuGraphInstantiateWithFlags" => graph_instantiate,
    "cuGraphLaunch" => graph_launch,
    "cuGraphDestroy" => graph_destroy,
    "cuGraphExecDestroy" => graph_destroy,
];

/// A handle whose number is an address.
fn handle<T>(number: usize) -> *mut T {
    ptr::without_provenance_mut(number)
}

extern "C" fn cu_init(flags: c_uint) -> CUresult {
    call(|_| if flags == 0 { Ok(()) } else { Err(CUresult::CUDA_ERROR_INVALID_VALUE) })
}

unsafe extern "C" fn driver_get_version(version: *mut c_int) -> CUresult {
    call(|_| unsafe { answer(version, VERSION[0] * 1000 + VERSION[1] * 10) })
}

unsafe extern "C" fn get_error_string(error: CUresult, text: *mut *const c_char) -> CUresult {
    let words = CString::new(format!("{error:?}, by the mock driver")).unwrap_or_default();
    // It is there for good, as the driver's are.
    call(|_| unsafe { answer(text, words.into_raw().cast_const()) })
}

unsafe extern "C" fn device_get_count(count: *mut c_int) -> CUresult {
    call(|_| unsafe { answer(count, 1) })
}

unsafe extern "C" fn device_get(device: *mut CUdevice, ordinal: c_int) -> CUresult {
    call(|_| match ordinal {
        0 => unsafe { answer(device, 0) },
        _ => Err(CUresult::CUDA_ERROR_INVALID_DEVICE),
    })
}

unsafe extern "C" fn device_get_name(name: *mut c_char, len: c_int, _: CUdevice) -> CUresult {
    let text = c"a mock device".to_bytes_with_nul();
    call(|_| {
        if text.len() > len.max(0) as usize {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), name, text.len()) };
        Ok(())
    })
}

unsafe extern "C" fn device_get_attribute(
    value: *mut c_int,
    attribute: Attribute,
    _: CUdevice,
) -> CUresult {
    call(|machine| {
        let limits = machine.device.limits();
        let found = match attribute {
            Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => 9,
            Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => 0,
            Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED => 1,
            Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => limits.multiprocessors as c_int,
            Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => {
                limits.shared_bytes as c_int
            }
            _ => return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
        };
        unsafe { answer(value, found) }
    })
}

unsafe extern "C" fn device_total_mem(bytes: *mut usize, _: CUdevice) -> CUresult {
    call(|machine| unsafe { answer(bytes, machine.bytes) })
}

unsafe extern "C" fn primary_context_retain(context: *mut CUcontext, _: CUdevice) -> CUresult {
    call(|_| unsafe { answer(context, handle(CONTEXT)) })
}

unsafe extern "C" fn context_get_current(context: *mut CUcontext) -> CUresult {
    call(|_| unsafe { answer(context, handle(CURRENT.get())) })
}

extern "C" fn context_set_current(context: CUcontext) -> CUresult {
    call(|_| {
        CURRENT.set(context.addr());
        Ok(())
    })
}

unsafe extern "C" fn stream_create(stream: *mut CUstream, flags: c_uint) -> CUresult {
    /// A stream that the legacy stream does not wait for.
    const NON_BLOCKING: c_uint = 1;
    call_in_context(|machine| match flags {
        NON_BLOCKING => unsafe { answer(stream, handle(machine.new_stream())) },
        _ => Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
    })
}

extern "C" fn stream_destroy(stream: CUstream) -> CUresult {
    call_in_context(|machine| machine.destroy_stream(stream.addr()))
}

extern "C" fn stream_synchronize(stream: CUstream) -> CUresult {
    call_in_context(|machine| machine.finish(stream.addr()))
}

extern "C" fn stream_begin_capture(stream: CUstream, mode: CaptureMode) -> CUresult {
    call_in_context(|machine| {
        // In any other mode a thread's recording is void when another one takes memory.
        if mode != CaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL {
            return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED);
        }
        machine.begin_recording(stream.addr())
    })
}

unsafe extern "C" fn stream_end_capture(stream: CUstream, graph: *mut CUgraph) -> CUresult {
    call_in_context(|machine| {
        let recorded = machine.end_recording(stream.addr())?;
        unsafe { answer(graph, handle(recorded)) }
    })
}

unsafe extern "C" fn memory_allocate(address: *mut CUdeviceptr, bytes: usize) -> CUresult {
    call_in_context(|machine| {
        let allocated = machine.allocate(bytes)?;
        unsafe { answer(address, allocated) }
    })
}

extern "C" fn memory_free(address: CUdeviceptr) -> CUresult {
    call_in_context(|machine| machine.free(address))
}

unsafe extern "C" fn memory_get_info(free: *mut usize, total: *mut usize) -> CUresult {
    call_in_context(|machine| unsafe {
        answer(free, machine.bytes - machine.used())?;
        answer(total, machine.bytes)
    })
}

extern "C" fn memory_set(
    address: CUdeviceptr,
    value: c_uchar,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    call_in_context(|machine| machine.give(stream.addr(), Work::Fill { address, bytes, value }))
}

extern "C" fn memory_upload(
    address: CUdeviceptr,
    host: *const c_void,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    let host = HostPointer(host.cast());
    call_in_context(|machine| machine.give(stream.addr(), Work::Upload { address, host, bytes }))
}

extern "C" fn memory_download(
    host: *mut c_void,
    address: CUdeviceptr,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    let host = HostPointer(host.cast());
    call_in_context(|machine| machine.give(stream.addr(), Work::Download { host, address, bytes }))
}

extern "C" fn memory_copy(
    target: CUdeviceptr,
    source: CUdeviceptr,
    bytes: usize,
    stream: CUstream,
) -> CUresult {
    call_in_context(|machine| machine.give(stream.addr(), Work::Copy { target, source, bytes }))
}

unsafe extern "C" fn module_load_data(module: *mut CUmodule, image: *const c_void) -> CUresult {
    // The compiler's images end in a zero.
    let image = unsafe { CStr::from_ptr(image.cast()) };
    call_in_context(|machine| {
        machine.refuse_while_recording()?;
        let kernel = nvrtc::kernel_of(image).ok_or(CUresult::CUDA_ERROR_INVALID_IMAGE)?;
        let number = machine.next();
        machine.modules.insert(number, kernel);
        unsafe { answer(module, handle(number)) }
    })
}

unsafe extern "C" fn module_get_function(
    function: *mut CUfunction,
    module: CUmodule,
    name: *const c_char,
) -> CUresult {
    /// Shared memory that a kernel may have without the attribute.
    const SHARED_BYTES: u32 = 48 * 1024;
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    call_in_context(|machine| {
        let found = machine.modules.get(&module.addr());
        let mut kernel = found.ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)?.clone();
        let signature = machine.device.signature(&kernel, &name);
        let signature = signature.map_err(|_| CUresult::CUDA_ERROR_NOT_FOUND)?;
        kernel.name = name.leak();
        let number = machine.next();
        let found = Function { kernel, signature, most_shared_bytes: SHARED_BYTES };
        machine.functions.insert(number, found);
        unsafe { answer(function, handle(number)) }
    })
}

fn function_of(machine: &mut Machine, function: CUfunction) -> Outcome<&mut Function> {
    machine.functions.get_mut(&function.addr()).ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
}

extern "C" fn function_set_attribute(
    function: CUfunction,
    attribute: FunctionAttribute,
    value: c_int,
) -> CUresult {
    const SHARED: FunctionAttribute =
        FunctionAttribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    call_in_context(|machine| {
        let limit = machine.device.limits().shared_bytes;
        let function = function_of(machine, function)?;
        let bytes = u32::try_from(value).map_err(|_| CUresult::CUDA_ERROR_INVALID_VALUE)?;
        if attribute != SHARED || bytes as usize > limit {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        function.most_shared_bytes = bytes;
        Ok(())
    })
}

unsafe extern "C" fn launch_kernel(
    function: CUfunction,
    columns: c_uint,
    rows: c_uint,
    _layers: c_uint,
    threads: c_uint,
    _threads_y: c_uint,
    _threads_z: c_uint,
    shared_bytes: c_uint,
    stream: CUstream,
    parameters: *mut *mut c_void,
    _extra: *mut *mut c_void,
) -> CUresult {
    call_in_context(|machine| {
        let Function { kernel, signature, most_shared_bytes } =
            function_of(machine, function)?.clone();
        if shared_bytes > most_shared_bytes {
            return Err(CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        let arguments = unsafe { arguments(&signature, parameters) }?;
        let launch = Launch { grid: [columns, rows], threads, shared_bytes };
        machine.give(stream.addr(), Work::Launch(kernel, launch, arguments))
    })
}

/// The values at `parameters`.
///
/// # Safety
/// There are as many, of the types that `signature` says.
unsafe fn arguments(signature: &str, parameters: *mut *mut c_void) -> Outcome<Vec<Argument>> {
    let argument = |(index, kind)| unsafe {
        let place = *parameters.add(index);
        Ok(match kind {
            'p' => Argument::Address(place.cast::<u64>().read()),
            'i' => Argument::I32(place.cast::<i32>().read()),
            'u' => Argument::U64(place.cast::<u64>().read()),
            'f' => Argument::F32(place.cast::<f32>().read()),
            'd' => Argument::F64(place.cast::<f64>().read()),
            _ => return Err(CUresult::CUDA_ERROR_NOT_SUPPORTED),
        })
    };
    signature.chars().enumerate().map(argument).collect()
}

unsafe extern "C" fn graph_instantiate(
    ready: *mut CUgraphExec,
    graph: CUgraph,
    _flags: c_ulonglong,
) -> CUresult {
    call_in_context(|machine| {
        let found = machine.graphs.get(&graph.addr());
        let work = found.ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)?.clone();
        let number = machine.next();
        machine.graphs.insert(number, work);
        unsafe { answer(ready, handle(number)) }
    })
}

extern "C" fn graph_launch(ready: CUgraphExec, stream: CUstream) -> CUresult {
    call_in_context(|machine| {
        let found = machine.graphs.get(&ready.addr());
        let work = found.ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)?.clone();
        machine.give(stream.addr(), Work::Graph(work))
    })
}

extern "C" fn graph_destroy(graph: *mut c_void) -> CUresult {
    call(|machine| {
        machine.graphs.remove(&graph.addr()).map(drop).ok_or(CUresult::CUDA_ERROR_INVALID_HANDLE)
    })
}
