//! Precision, backend and instruction set of a benchmark.

use clap::Args;
use isobath_tensor::{BackendSpec, Cpu, Precision, SimdLevel};

#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Means {
    /// Precision of the decoders' matrix products: f32, tf32 or bf16
    #[arg(long, default_value = "f32", value_parser = precision)]
    pub(super) precision: Precision,
    /// Precision of the network's matrix products: f32, tf32 or bf16
    #[arg(long, default_value = "f32", value_parser = precision)]
    pub(super) forward_precision: Precision,
    /// Backend: cpu, reference or cuda:N
    #[arg(long, default_value = "cpu")]
    pub(super) backend: BackendSpec,
    /// SIMD instruction set [default: the best of this processor]: amx, avx512, avx2, neon or scalar
    #[arg(long, value_parser = level)]
    pub(super) simd: Option<SimdLevel>,
}

impl Means {
    /// CPU backend with the selected instruction set.
    pub(super) fn cpu(self) -> Cpu {
        self.simd.and_then(Cpu::with_level).unwrap_or_default()
    }

    /// Command-line arguments for these settings.
    pub(super) fn arguments(self) -> Vec<String> {
        let simd = self.simd.map(|level| ["--simd".to_owned(), level.name().to_owned()]);
        let mut arguments: Vec<String> = [
            ("--precision", self.precision.to_string()),
            ("--forward-precision", self.forward_precision.to_string()),
            ("--backend", self.backend.to_string()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
        arguments.extend(simd.into_iter().flatten());
        arguments
    }
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "tf32" => Ok(Precision::Tf32),
        "bf16" => Ok(Precision::Bf16),
        _ => Err("use f32, tf32 or bf16".to_owned()),
    }
}

pub(super) fn level(text: &str) -> Result<SimdLevel, String> {
    let level = SimdLevel::ALL.into_iter().find(|level| level.name() == text);
    let level = level.ok_or("use amx, avx512, avx2, neon or scalar")?;
    if level.is_available() { Ok(level) } else { Err(format!("this processor has no {level}")) }
}
