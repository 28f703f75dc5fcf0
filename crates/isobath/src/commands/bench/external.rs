//! Other programs that do the same work: names, command lines and output parsing.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};

use isobath_datasets::Samples;
use isobath_tensor::BackendSpec;

use super::{Size, cascade, train::Shape};

/// Workload of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// One epoch of all decoders of one network.
    Cascade,
    /// Training of one network.
    Training(Shape),
}

/// A program to compare with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Name on the command line and in tables.
    pub(super) name: &'static str,
    /// Short description.
    pub(super) about: &'static str,
    pub(super) workload: Workload,
    /// File in the folder of baselines.
    script: &'static str,
    /// Arguments beside the size of the work.
    arguments: &'static [&'static str],
    /// Additional arguments on a device.
    on_a_device: &'static [&'static str],
    /// The only supported layer width.
    width: usize,
}

/// Known programs. They are not part of this repository; an option gives their folder.
pub(super) static PROGRAMS: [Program; 6] = [
    cascade_program("published", &["published"], "minibatch by minibatch through all layers"),
    cascade_program("layerwise", &["layerwise"], "layer by layer, fused Adam"),
    cascade_program("manual", &["manual"], "layer by layer, hand-written gradients, fused Adam"),
    cascade_program("batched", &["batched"], "all layers as one batched product"),
    training_program(Shape::Wide, &["wide"]),
    training_program(Shape::Shrinking, &["shrinking"]),
];

const fn cascade_program(
    name: &'static str,
    arguments: &'static [&'static str],
    about: &'static str,
) -> Program {
    let (workload, script) = (Workload::Cascade, "pytorch_cascade.py");
    Program { name, about, workload, script, arguments, on_a_device: &["--tf32"], width: 784 }
}

const fn training_program(shape: Shape, arguments: &'static [&'static str]) -> Program {
    Program {
        name: shape.name(),
        about: "autograd, plain gradient descent",
        workload: Workload::Training(shape),
        script: "pytorch_train.py",
        arguments,
        on_a_device: &["--graph"],
        width: 784,
    }
}

/// Finds the cascade program called `name`.
///
/// # Errors
/// Lists the known names.
pub(super) fn program(name: &str) -> Result<&'static Program, String> {
    let programs = || PROGRAMS.iter().filter(|program| program.workload == Workload::Cascade);
    programs().find(|program| program.name == name).ok_or_else(|| {
        let names: Vec<_> = programs().map(|program| program.name).collect();
        format!("unknown program `{name}`; known programs are {}", names.join(", "))
    })
}

/// Python interpreter with the required packages.
#[derive(Debug)]
pub(super) struct Python {
    path: PathBuf,
    /// Versions of Python and its packages, such as `Python 3.11.7, torch 2.15.0, numpy 2.4.6`.
    pub(super) versions: String,
}

impl Python {
    /// Starts `path` once to read its versions.
    ///
    /// # Errors
    /// If it cannot be started, or a package is missing.
    pub(super) fn find(path: &Path) -> Result<Self> {
        const VERSIONS: &str = "import sys, torch, numpy; print('Python', sys.version.split()[0] + ', torch', \
                           torch.__version__ + ', numpy', numpy.__version__)";
        let output = Command::new(path).args(["-c", VERSIONS]).stdin(Stdio::null()).output();
        let output = output.with_context(|| {
            format!(
                "cannot start {}; use --python to select a Python 3 with torch and numpy",
                path.display()
            )
        })?;
        if !output.status.success() {
            bail!(
                "{} cannot be used: {}; install torch and numpy for it (`{} -m pip install torch numpy`), or select \
                 another Python with --python",
                path.display(),
                last_line(&output.stderr),
                path.display()
            );
        }
        let versions = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { path: path.to_owned(), versions })
    }

    /// A command that starts it.
    pub(super) fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

/// Everything that a program needs to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) python: &'a Python,
    /// Folder of the programs.
    pub(super) scripts: &'a Path,
    /// Folder of the samples; see [`write_samples`].
    pub(super) samples: &'a Path,
    pub(super) depth: usize,
    pub(super) size: Size,
    /// Backend for the work.
    pub(super) backend: BackendSpec,
    /// Number of timed training steps; `None` for one epoch.
    pub(super) steps: Option<usize>,
}

/// Measurement of one run of a program.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// Seconds per epoch.
    pub(super) seconds: f64,
    /// Losses on the last minibatch: mean squared errors of the first and the last layer's decoder, or the training
    /// loss.
    pub(super) losses: Vec<f64>,
}

impl Program {
    /// Path of its file in `scripts`.
    ///
    /// # Errors
    /// If it does not exist, or does not support layers of `width`.
    pub(super) fn check(&self, scripts: &Path, width: usize) -> Result<()> {
        let path = scripts.join(self.script);
        if !path.is_file() {
            bail!(
                "the program `{}` is missing: {} does not exist; give its folder with --baselines",
                self.name,
                path.display()
            );
        }
        if width != self.width {
            bail!(
                "the program `{}` supports only layers of width {}; omit --width {width}",
                self.name,
                self.width
            );
        }
        Ok(())
    }

    /// Runs it once, with as many threads as this process.
    ///
    /// # Errors
    /// If it cannot be started, fails, or prints no time.
    pub(super) fn run(&self, setting: Setting<'_>) -> Result<Measured> {
        let Setting { python, scripts, samples, depth, size, backend, steps } = setting;
        let mut numbers = vec![
            ("--depth", depth),
            ("--batch", size.batch),
            ("--threads", rayon::current_num_threads()),
        ];
        match self.workload {
            Workload::Cascade => numbers.push(("--width", size.width)),
            Workload::Training(_) => numbers.extend(steps.map(|steps| ("--steps", steps))),
        }
        let mut command = python.command();
        command.arg(scripts.join(self.script)).args(self.arguments).arg("--data").arg(samples);
        for (name, number) in numbers {
            command.args([name, &number.to_string()]);
        }
        if backend != BackendSpec::Cpu {
            command.arg("--device").arg(backend.to_string()).args(self.on_a_device);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", python.path.display()))?;
        if !output.status.success() {
            bail!(
                "the program `{}` ended with {}: {}",
                self.name,
                output.status,
                last_line(&output.stderr)
            );
        }
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| {
            anyhow!("the program `{}` printed no time and losses: {:?}", self.name, text.trim())
        })
    }
}

/// Writes `size.images` generated digits into `folder`, as the training image and label files that the programs read.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write_samples(folder: &Path, size: Size) -> Result<()> {
    let Samples { images, labels } = cascade::samples(size.images, size.width)?;
    let side = size.width.isqrt();
    let bytes: Vec<u8> = images.iter().map(|pixel| (255.0 * pixel).round() as u8).collect();
    let write = |name, dims: &[usize], bytes: &[u8]| {
        let path = folder.join(name);
        let written = File::create(&path)
            .and_then(|file| isobath_datasets::idx::write(BufWriter::new(file), dims, bytes));
        written.with_context(|| format!("cannot write {}", path.display()))
    };
    write("train-images-idx3-ubyte", &[size.images, side, side], &bytes)?;
    write("train-labels-idx1-ubyte", &[size.images], &labels)
}

/// `…: 31.20 s/epoch (1.560 s/layer), 70.9 GFLOP/s, last losses 0.0406 .. 0.0455`, or `…, last loss 2.3026`
fn parse(text: &str) -> Option<Measured> {
    let line = text.lines().find(|line| line.contains(" s/epoch"))?;
    let seconds = line.split(" s/epoch").next()?.rsplit(' ').next()?.parse().ok()?;
    let (_, losses) = line.split_once("last losses ").or_else(|| line.split_once("last loss "))?;
    let losses = losses.split(" .. ").map(|loss| loss.trim().parse().ok());
    Some(Measured { seconds, losses: losses.collect::<Option<_>>()? })
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no output").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_losses_are_read() {
        let text = "a warning\nmanual device=cpu threads=2 depth=2 batch=64 tf32=False: 26.40 s/epoch \
                    (13.201 s/layer), 16.8 GFLOP/s, last losses 0.0406 .. 0.0455\n";
        assert_eq!(parse(text), Some(Measured { seconds: 26.4, losses: vec![0.0406, 0.0455] }));
        let text = "wide device=cpu threads=2: 26.40 s/epoch, 16.8 GFLOP/s, last loss 2.25";
        assert_eq!(parse(text), Some(Measured { seconds: 26.4, losses: vec![2.25] }));
        assert_eq!(parse("manual: done"), None);
        assert_eq!(parse("manual: soon s/epoch, last losses 1 .. 2"), None);
    }

    #[test]
    fn unknown_names_are_errors() {
        assert_eq!(program("manual").unwrap().arguments, ["manual"]);
        let error = program("tensorflow").expect_err("unknown");
        assert!(error.contains("published, layerwise, manual, batched"), "{error}");
    }

    #[test]
    fn unrunnable_programs_are_reported_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let error = PROGRAMS[0].check(folder.path(), 784).expect_err("no file").to_string();
        assert!(error.contains("pytorch_cascade.py") && error.contains("--baselines"), "{error}");
        File::create(folder.path().join("pytorch_cascade.py")).unwrap();
        PROGRAMS[0].check(folder.path(), 784).unwrap();
        let error = PROGRAMS[0].check(folder.path(), 256).expect_err("width").to_string();
        assert!(error.contains("784") && error.contains("256"), "{error}");
        let error = Python::find(&folder.path().join("python")).expect_err("none").to_string();
        assert!(error.contains("cannot start") && error.contains("--python"), "{error}");
    }

    #[test]
    fn external_programs_read_the_same_samples() {
        let folder = tempfile::tempdir().unwrap();
        let size = Size { width: 784, images: 3, batch: 64 };
        write_samples(folder.path(), size).unwrap();
        let bytes = std::fs::read(folder.path().join("train-images-idx3-ubyte")).unwrap();
        let idx = isobath_datasets::idx::parse(&bytes, "samples").unwrap();
        assert_eq!(idx.dims, [3, 28, 28]);
        let samples = cascade::samples(3, 784).unwrap().images;
        let furthest =
            samples.iter().zip(&idx.data).map(|(&x, &y)| (x - f32::from(y) / 255.0).abs());
        assert!(furthest.fold(0.0, f32::max) <= 0.5 / 255.0 + 1e-6);
        let bytes = std::fs::read(folder.path().join("train-labels-idx1-ubyte")).unwrap();
        assert_eq!(isobath_datasets::idx::parse(&bytes, "labels").unwrap().dims, [3]);
    }
}
