//! Reconstruction of a random network's input from every depth, by a cascade of single-layer decoders.
//!
//! For each layer `h_l = phi(W_l h_{l-1} + b_l)` of a frozen network a decoder `g_l(h) = phi_d(V_l h + c_l)` learns to
//! undo that layer; chained, `r_l = g_1(g_2(... g_l(h_l)))` reconstructs the input from depth `l` (Thurn, Jefferson and
//! Erdmenger, arXiv:2406.12916).
//!
//! A dense layer has a dense decoder, a convolution or a pooling layer a transposed convolution of the same kernel and
//! stride, and a residual block one of 5x5 or, as published, one for each convolution of its branch: see
//! [`DecoderForm`].
//!
//! The network being frozen, decoder `l` needs only `h_l` and `h_{l-1}`. So the work goes layer by layer instead of
//! minibatch by minibatch: all samples through layer `l`, its decoder for all its epochs, and on. Two layers' activations
//! are in memory at any time, whatever the depth. Decoders stay in the memory of the backend up to the limit it gives, and
//! in a temporary file beyond it. Convolutions have large activations, so layers that are not dense go in segments: only
//! the activations between segments are kept, and the decoders of a segment see one minibatch at a time.

mod activations;
mod backend;
mod chain;
mod channels;
mod columns;
mod compose;
mod conv_transpose;
mod decode;
mod decoder;
mod decoder_layer;
mod decoders;
mod device_decoder;
mod error;
mod form;
mod gradient;
mod inverse;
mod linear_error;
mod linear_fit;
mod memory;
mod params;
mod prototypes;
mod reconstruction;
mod reconstructor;
mod results;
mod ridge;
mod ridge_ladder;
mod save;
mod segment;
mod spill;
mod sweep;
mod work;

pub use backend::CascadeBackend;
pub use channels::{ChannelImage, ChannelImages};
pub use conv_transpose::ConvTranspose2d;
pub use decoder::Decoder;
pub use decoder_layer::{DecoderKind, DecoderLayer};
pub use decoders::Decoders;
pub use error::{Error, Result, SaveError};
pub use form::DecoderForm;
pub use gradient::GradientCascade;
pub use memory::CascadeNumbers;
pub use params::{CascadeParams, CascadeValidParams, DEFAULT_MAX_SAMPLES, DEFAULT_NOISE, Method};
pub use prototypes::ClassLevels;
pub use reconstructor::{
    Cascade, Extent, InitialDecoders, Job, LayerFit, Observer, Reconstructor, Silent, StopFn,
};
pub use ridge::RidgeCascade;
pub use ridge_ladder::{LadderOutput, RidgeLadder, Rung};
pub use save::{save_decoders, save_reconstructions};
