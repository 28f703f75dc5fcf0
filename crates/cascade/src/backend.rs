use isobath_network::ForwardBackend;
use isobath_tensor::{Backward, FitRidge, GatherRows, TrainDecoder};

/// Backend operations of a cascade by any method.
pub trait CascadeBackend: ForwardBackend + TrainDecoder + Backward + GatherRows + FitRidge {}
impl<B: ForwardBackend + TrainDecoder + Backward + GatherRows + FitRidge> CascadeBackend for B {}
