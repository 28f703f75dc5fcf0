use crate::{Reference, TrainDecoder};

/// The default, which is the readable implementation.
impl TrainDecoder for Reference {}
