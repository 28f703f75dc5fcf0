use std::fmt::Write;

/// Kernels of every specialisation of a file, each with its specialisation in words.
type EveryKernel = fn() -> Vec<(String, Kernel)>;

/// A file of kernels.
#[derive(Debug)]
pub struct Source {
    /// Its name, without `.cu`.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    specialised: Option<EveryKernel>,
}

impl Source {
    /// A file whose kernels are not specialised.
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, specialised: None }
    }

    /// This file with specialised kernels, in which time is spent.
    pub(crate) const fn specialised(self, every_kernel: EveryKernel) -> Self {
        Self { specialised: Some(every_kernel), ..self }
    }

    /// True for a file with specialised kernels.
    pub(crate) const fn is_specialised(&self) -> bool {
        self.specialised.is_some()
    }

    /// A kernel for every specialisation, with the specialisation in words; empty where there is none.
    pub(crate) fn every_kernel(&'static self) -> Vec<(String, Kernel)> {
        let whole_file = || vec![(String::new(), Kernel::new(self, ""))];
        self.specialised.map_or_else(whole_file, |every_kernel| every_kernel())
    }
}

/// Text that the device's compiler reads before every file: names for its instructions. A simulator has its own.
pub const DEVICE_PRELUDE: &str = include_str!("device.cuh");
/// Text that every file may use, on the device and simulated.
pub const COMMON_PRELUDE: &str = include_str!("common.cuh");

/// A kernel and its specialisation.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its file.
    pub source: &'static Source,
    /// Its name there.
    pub name: &'static str,
    /// Macros and their values.
    pub defines: Vec<(&'static str, String)>,
}

impl Kernel {
    /// A kernel that is not specialised.
    pub const fn new(source: &'static Source, name: &'static str) -> Self {
        Self { source, name, defines: Vec::new() }
    }

    /// Text for a compiler: the macros, `preludes`, the file, whose lines keep their numbers.
    pub fn program(&self, preludes: &[&str]) -> String {
        let mut program = String::new();
        for (name, value) in &self.defines {
            let _ = writeln!(program, "#define {name} {value}");
        }
        for prelude in preludes {
            program.push_str(prelude);
            program.push('\n');
        }
        let _ = write!(program, "#line 1 \"{}.cu\"\n{}\n", self.source.name, self.source.text);
        program
    }
}
