use isobath_network::BackwardBackend;
use isobath_tensor::{FitRidge, GatherRows, TrainDecoder};

/// Backend operations of a cascade by any method.
pub trait CascadeBackend: BackwardBackend + TrainDecoder + GatherRows + FitRidge {}
impl<B: BackwardBackend + TrainDecoder + GatherRows + FitRidge> CascadeBackend for B {}
