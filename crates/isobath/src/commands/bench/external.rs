//! Other programs that do the same work: which there are, how they are started, what they print.

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

/// The work a program does.
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
    /// What it is called on the command line and in tables.
    pub(super) name: &'static str,
    /// What is special about it.
    pub(super) about: &'static str,
    pub(super) workload: Workload,
    /// Its file in the folder of baselines.
    script: &'static str,
    /// What it is told beside the size of the work.
    arguments: &'static [&'static str],
    /// What it is told on top where it works on a device.
    on_a_device: &'static [&'static str],
    /// The only width of layers it knows.
    width: usize,
}

/// The programs known. They are not part of this repository; the folder that holds them is an option.
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

/// The program called `name` that trains decoders.
///
/// # Errors
/// With the names there are.
pub(super) fn program(name: &str) -> Result<&'static Program, String> {
    let programs = || PROGRAMS.iter().filter(|program| program.workload == Workload::Cascade);
    programs().find(|program| program.name == name).ok_or_else(|| {
        let names: Vec<_> = programs().map(|program| program.name).collect();
        format!("there is no program `{name}`; there are {}", names.join(", "))
    })
}

/// A Python that has what the programs need.
#[derive(Debug)]
pub(super) struct Python {
    path: PathBuf,
    /// Its own version and those of the packages, such as `Python 3.11.7, torch 2.15.0, numpy 2.4.6`.
    pub(super) versions: String,
}

impl Python {
    /// Starts `path` once to see what it has.
    ///
    /// # Errors
    /// When it cannot be started, or a package is missing.
    pub(super) fn find(path: &Path) -> Result<Self> {
        const ASK: &str = "import sys, torch, numpy; print('Python', sys.version.split()[0] + ', torch', \
                           torch.__version__ + ', numpy', numpy.__version__)";
        let output = Command::new(path).args(["-c", ASK]).stdin(Stdio::null()).output();
        let output = output.with_context(|| {
            format!(
                "cannot start {}; name a Python 3 that has torch and numpy with --python",
                path.display()
            )
        })?;
        if !output.status.success() {
            bail!(
                "{} cannot be used: {}; install torch and numpy for it (`{} -m pip install torch numpy`), or name \
                 another Python with --python",
                path.display(),
                last_line(&output.stderr),
                path.display()
            );
        }
        let versions = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { path: path.to_owned(), versions })
    }
}

/// Everything a program needs to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) python: &'a Python,
    /// The folder of the programs.
    pub(super) scripts: &'a Path,
    /// The folder of the samples, see [`write_samples`].
    pub(super) samples: &'a Path,
    pub(super) depth: usize,
    pub(super) size: Size,
    /// Where programs are to do the work.
    pub(super) backend: BackendSpec,
    /// Steps that a training is timed for; an epoch if not given.
    pub(super) steps: Option<usize>,
}

/// What a program measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// Seconds for one epoch.
    pub(super) seconds: f64,
    /// On the last minibatch: mean squared errors of the first and the last layer's decoder, or what a training's loss
    /// came to.
    pub(super) losses: Vec<f64>,
}

impl Program {
    /// Its file in `scripts`.
    ///
    /// # Errors
    /// When it is not there, or does not know layers of `width`.
    pub(super) fn check(&self, scripts: &Path, width: usize) -> Result<()> {
        let path = scripts.join(self.script);
        if !path.is_file() {
            bail!(
                "the program `{}` is {}, which is not there; name the folder that holds it with --baselines",
                self.name,
                path.display()
            );
        }
        if width != self.width {
            bail!(
                "the program `{}` knows layers of width {} alone; leave out --width {width}",
                self.name,
                self.width
            );
        }
        Ok(())
    }

    /// Runs it once, on as many threads as this process has.
    ///
    /// # Errors
    /// When it cannot be started, fails, or prints something else than a time.
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
        let mut command = Command::new(&python.path);
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
        let said = String::from_utf8_lossy(&output.stdout);
        parse(&said).ok_or_else(|| {
            anyhow!("the program `{}` printed no time and losses: {:?}", self.name, said.trim())
        })
    }
}

/// Writes `size.images` generated digits into `folder`, as the files of training images and labels that the programs
/// read.
///
/// # Errors
/// When the disk is full.
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
fn parse(said: &str) -> Option<Measured> {
    let line = said.lines().find(|line| line.contains(" s/epoch"))?;
    let seconds = line.split(" s/epoch").next()?.rsplit(' ').next()?.parse().ok()?;
    let (_, losses) = line.split_once("last losses ").or_else(|| line.split_once("last loss "))?;
    let losses = losses.split(" .. ").map(|loss| loss.trim().parse().ok());
    Some(Measured { seconds, losses: losses.collect::<Option<_>>()? })
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_losses_are_read() {
        let said = "a warning\nmanual device=cpu threads=2 depth=2 batch=64 tf32=False: 26.40 s/epoch \
                    (13.201 s/layer), 16.8 GFLOP/s, last losses 0.0406 .. 0.0455\n";
        assert_eq!(parse(said), Some(Measured { seconds: 26.4, losses: vec![0.0406, 0.0455] }));
        let said = "wide device=cpu threads=2: 26.40 s/epoch, 16.8 GFLOP/s, last loss 2.25";
        assert_eq!(parse(said), Some(Measured { seconds: 26.4, losses: vec![2.25] }));
        assert_eq!(parse("manual: done"), None);
        assert_eq!(parse("manual: soon s/epoch, last losses 1 .. 2"), None);
    }

    #[test]
    fn names_are_found_and_unknown_ones_told() {
        assert_eq!(program("manual").unwrap().arguments, ["manual"]);
        let error = program("tensorflow").expect_err("unknown");
        assert!(error.contains("published, layerwise, manual, batched"), "{error}");
    }

    #[test]
    fn what_cannot_be_run_is_told_beforehand() {
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
    fn samples_are_the_benchs_own() {
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
