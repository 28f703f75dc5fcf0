use isobath_network::BackwardBackend;
use isobath_tensor::{BatchEntropy, Divergence, GatherRows, LossGradient, Optimize, Replay};

/// Backend operations of training.
pub trait TrainerBackend:
    BackwardBackend + BatchEntropy + Optimize + LossGradient + GatherRows + Divergence + Replay
{
}
impl<B: BackwardBackend + BatchEntropy + Optimize + LossGradient + GatherRows + Divergence + Replay>
    TrainerBackend for B
{
}
