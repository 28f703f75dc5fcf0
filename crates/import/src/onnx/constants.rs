//! Constants of a graph: parameters, settings of operators, shapes.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    path::{Component, Path, PathBuf},
};

use prost::Message;

use super::proto;
use crate::{ElementType, Error, Result, source::Source};

/// Constants by name.
pub(super) struct Constants<'a> {
    file: String,
    budget: RefCell<Budget>,
    folder: Option<&'a Path>,
    by_name: HashMap<&'a str, Constant<'a>>,
}

/// Bytes of constants that may be loaded: some times the bytes of the files, since layers can share a constant.
struct Budget {
    loaded: u64,
    /// Other files whose length counts already.
    files: HashSet<PathBuf>,
    most: u64,
}

impl Budget {
    /// Loads of each byte.
    const SHARED: u64 = 16;

    fn add(&mut self, length: u64) {
        self.most = self.most.saturating_add(length.saturating_mul(Self::SHARED));
    }
}

/// An array that does not depend on the input.
#[derive(Clone, Copy)]
struct Constant<'a> {
    tensor: &'a proto::Tensor,
    /// The array is the transpose of the tensor, a matrix.
    is_transposed: bool,
}

/// A constant in memory.
pub(super) struct Array {
    /// Extents, slowest first.
    pub(super) dims: Vec<usize>,
    /// Row-major.
    pub(super) values: Vec<f32>,
}

impl<'a> Constants<'a> {
    /// Constants of a graph: initialisers, constant nodes, and copies and transposes of them.
    pub(super) fn new(
        (file, length): (&str, u64),
        graph: &'a proto::Graph,
        folder: Option<&'a Path>,
    ) -> Self {
        let constant = |tensor| Constant { tensor, is_transposed: false };
        let mut by_name: HashMap<&str, Constant<'_>> =
            graph.initializer.iter().map(|tensor| (&*tensor.name, constant(tensor))).collect();
        for node in &graph.node {
            let Some(output) = node.output.first() else { continue };
            let input = node.given(0).and_then(|name| by_name.get(name)).copied();
            let found = match (node.op_type.as_str(), input) {
                ("Constant", _) => node.find("value").and_then(|a| a.t.as_ref()).map(constant),
                ("Identity" | "Cast" | "CastLike", Some(input)) => Some(input),
                ("Transpose", Some(input)) if input.tensor.dims.len() == 2 => {
                    let is_swapped = node.ints("perm").is_none_or(|perm| perm == [1, 0]);
                    Some(Constant { is_transposed: input.is_transposed != is_swapped, ..input })
                }
                _ => None,
            };
            found.map(|constant| by_name.insert(output, constant));
        }
        let mut budget = Budget { loaded: 0, files: HashSet::new(), most: 0 };
        budget.add(length);
        Self { file: file.to_owned(), budget: budget.into(), folder, by_name }
    }

    /// True if `name` is a constant.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The constant in f32, all of whose values are finite.
    pub(super) fn array(&self, name: &str) -> Result<Option<Array>> {
        let Some(constant) = self.by_name.get(name) else { return Ok(None) };
        let dims = self.dims(name, constant.tensor)?;
        let values = self.values(name, constant.tensor, &dims)?;
        if let Some(element) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { parameter: name.to_owned(), element });
        }
        Ok(Some(match (constant.is_transposed, &dims[..]) {
            (true, &[rows, columns]) => {
                Array { dims: vec![columns, rows], values: transposed(&values, rows, columns) }
            }
            _ => Array { dims, values },
        }))
    }

    /// The value of a constant with one element.
    pub(super) fn scalar(&self, name: &str) -> Result<Option<f64>> {
        let Some(constant) = self.by_name.get(name) else { return Ok(None) };
        if constant.tensor.dims.iter().any(|&dim| dim != 1) {
            return Ok(None);
        }
        match constant.tensor.data_type {
            // Numbers in formulas of PyTorch's exporter.
            7 => return Ok(self.integers(name)?.and_then(|all| all.first().map(|&n| n as f64))),
            1 | 10 | 11 | 16 => {}
            _ => return Ok(None),
        }
        let value = self.array(name)?.and_then(|array| array.values.first().copied());
        // The shortest decimal number: 0.1 and not 0.10000000149.
        Ok(value.map(|value| value.to_string().parse().unwrap_or(f64::from(value))))
    }

    /// A list of whole numbers, such as a shape.
    pub(super) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let Some(Constant { tensor, .. }) = self.by_name.get(name) else { return Ok(None) };
        let numbers = self.dims(name, tensor)?.iter().product::<usize>();
        if tensor.data_type != 7 || numbers > 64 {
            return Ok(None);
        }
        if tensor.int64_data.len() == numbers {
            return Ok(Some(tensor.int64_data.clone()));
        }
        let bytes = self.bytes(name, tensor, numbers * 8)?;
        Ok(Some(bytes.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()))
    }

    /// Extents, whose product does not overflow even in bytes.
    fn dims(&self, name: &str, tensor: &proto::Tensor) -> Result<Vec<usize>> {
        let dims: Option<Vec<usize>> =
            tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let is_possible = |dims: &Vec<usize>| {
            dims.iter().try_fold(8_usize, |n, &dim| n.checked_mul(dim)).is_some()
        };
        dims.filter(is_possible).ok_or_else(|| self.damaged(name, "has an impossible shape"))
    }

    fn values(&self, name: &str, tensor: &proto::Tensor, dims: &[usize]) -> Result<Vec<f32>> {
        let numbers: usize = dims.iter().product();
        let element = match tensor.data_type {
            1 => ElementType::F32,
            10 => ElementType::F16,
            11 => ElementType::F64,
            16 => ElementType::Bf16,
            other => return Err(Error::element_type(name, DataType(other))),
        };
        if tensor.data_location != 1 {
            // No more than are in the model.
            self.load(tensor.encoded_len() as u64)?;
        }
        let is_listed = tensor.raw_data.is_empty() && tensor.data_location != 1;
        let listed: Vec<f32> = match element {
            ElementType::F32 if is_listed => tensor.float_data.clone(),
            ElementType::F64 if is_listed => {
                tensor.double_data.iter().map(|&value| value as f32).collect()
            }
            ElementType::F16 | ElementType::Bf16 if is_listed => {
                let value = |bits: &i32| element.value(&bits.to_le_bytes()).unwrap_or(f32::NAN);
                tensor.int32_data.iter().map(value).collect()
            }
            _ => {
                let bytes = self.bytes(name, tensor, numbers * element.size())?;
                element.values(&bytes).unwrap_or_default()
            }
        };
        if listed.len() == numbers {
            return Ok(listed);
        }
        Err(self.damaged(name, &format!("has {} numbers instead of {numbers}", listed.len())))
    }

    /// Bytes of a tensor, in the model or in another file.
    fn bytes(&self, name: &str, tensor: &proto::Tensor, expected: usize) -> Result<Vec<u8>> {
        if tensor.data_location == 1 {
            return self.external(name, tensor, expected as u64);
        }
        if tensor.raw_data.len() == expected {
            return Ok(tensor.raw_data.to_vec());
        }
        let found = tensor.raw_data.len();
        Err(self.damaged(name, &format!("has {found} bytes instead of {expected}")))
    }

    /// Bytes of a tensor in another file of the model's folder.
    fn external(&self, name: &str, tensor: &proto::Tensor, expected: u64) -> Result<Vec<u8>> {
        let entry = |key: &str| {
            tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &*entry.value)
        };
        let number = |key: &str, default: u64| entry(key).map_or(Ok(default), str::parse::<u64>);
        let (Some(location), Ok(offset), Ok(length)) =
            (entry("location"), number("offset", 0), number("length", expected))
        else {
            return Err(self.damaged(name, "does not say where its numbers are"));
        };
        if length != expected {
            return Err(self.damaged(name, "has another length in its file than its shape says"));
        }
        let path = self.other_file(name, location)?;
        let mut source = Source::open(&path)?;
        let mut budget = self.budget.borrow_mut();
        if budget.files.insert(path) {
            budget.add(source.length);
        }
        drop(budget);
        self.load(expected)?;
        source.range(&format!("parameter `{name}`"), offset, expected)
    }

    /// Path of another file, which has to be in the model's folder.
    fn other_file(&self, name: &str, location: &str) -> Result<PathBuf> {
        let failed = |problem| Error::External {
            file: self.file.clone(),
            parameter: name.to_owned(),
            location: location.chars().take(200).collect(),
            problem,
        };
        let path = Path::new(location);
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(failed("which is not in the model's folder"));
        }
        let Some(folder) = self.folder else {
            return Err(failed("which cannot be read together with a model in memory"));
        };
        let path = folder.join(path);
        if path.exists() {
            return Ok(path);
        }
        Err(failed("which does not exist; copy it into the model's folder"))
    }

    /// Counts bytes that are loaded.
    fn load(&self, bytes: u64) -> Result<()> {
        let mut budget = self.budget.borrow_mut();
        budget.loaded = budget.loaded.saturating_add(bytes);
        if budget.loaded <= budget.most {
            return Ok(());
        }
        let (size, most, unit) = (budget.loaded, budget.most, "bytes");
        let part = "all layers together, which share constants,";
        Err(Error::TooLarge { file: self.file.clone(), part, size, unit, most })
    }

    fn damaged(&self, name: &str, problem: &str) -> Error {
        let (file, place) = (self.file.clone(), format!("constant `{name}`"));
        Error::Damaged { file, place, problem: problem.to_owned() }
    }
}

/// Number of an element type, for messages.
struct DataType(i32);

impl std::fmt::Debug for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 17] = [
            "undefined",
            "float32",
            "uint8",
            "int8",
            "uint16",
            "int16",
            "int32",
            "int64",
            "string",
            "bool",
            "float16",
            "float64",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "bfloat16",
        ];
        match usize::try_from(self.0).ok().and_then(|index| NAMES.get(index)) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// `[rows, columns]` to `[columns, rows]`.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| (0..rows).map(move |i| values[i * columns + j])).collect()
}

impl proto::Graph {
    /// Turns constants that are given as numbers of an attribute into tensors.
    pub(super) fn constants_to_tensors(&mut self) {
        let constants = self.node.iter_mut().filter(|node| node.op_type == "Constant");
        for attribute in constants.flat_map(|node| &mut node.attribute) {
            let (data_type, is_list, numbers) = match attribute.name.as_str() {
                "value_int" => (7, false, vec![attribute.i]),
                "value_ints" => (7, true, std::mem::take(&mut attribute.ints)),
                "value_float" | "value_floats" => (1, attribute.name.ends_with('s'), Vec::new()),
                _ => continue,
            };
            let floats = match (data_type, is_list) {
                (1, false) => vec![attribute.f],
                (1, true) => std::mem::take(&mut attribute.floats),
                _ => Vec::new(),
            };
            let length = numbers.len().max(floats.len()) as i64;
            "value".clone_into(&mut attribute.name);
            attribute.t = Some(proto::Tensor {
                dims: if is_list { vec![length] } else { Vec::new() },
                data_type,
                float_data: floats,
                int64_data: numbers,
                ..proto::Tensor::default()
            });
        }
    }
}
