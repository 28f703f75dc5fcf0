use tensor::{Backward, BatchEntropy, Dense, Divergence, GatherRows, LossGradient, RandomFill};

/// What training asks of a backend.
pub trait TrainerBackend:
    Dense + Backward + BatchEntropy + LossGradient + GatherRows + Divergence + RandomFill
{
}
impl<B: Dense + Backward + BatchEntropy + LossGradient + GatherRows + Divergence + RandomFill>
    TrainerBackend for B
{
}
