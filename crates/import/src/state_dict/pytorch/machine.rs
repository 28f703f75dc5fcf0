//! Runs the operations of a pickle that build plain data and tensors, and no others.
//!
//! A pickle is a program for a machine with a stack. The full machine can call any function of Python; this one knows
//! the operations that `torch.save` writes for state dicts and the few functions that rebuild tensors, which it does not
//! call but records. Objects are kept in one list and refer to each other by number, so that circles and repeated
//! references cost nothing.

use std::{collections::HashMap, sync::Arc};

use super::reader::Reader;
use crate::{ElementType, Error, Result};

/// Most objects of a pickle: some ten thousand parameters have fewer than a million.
const MOST_OBJECTS: usize = 1 << 20;

/// Most dimensions of a parameter.
const MOST_DIMENSIONS: usize = 16;
/// Longest name of a storage.
const LONGEST_NAME: usize = 100;

/// Number of an object.
pub(super) type Id = usize;

/// An object.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// Nothing, a truth value or a number with a fraction.
    Plain,
    Integer(i64),
    Text(Arc<str>),
    /// A tuple, list or set.
    Sequence(Vec<Id>),
    /// Keys and values.
    Dict(Vec<(Id, Id)>),
    Function(Function),
    Storage {
        element: ElementType,
        name: Arc<str>,
        elements: u64,
    },
    Tensor(Tensor),
}

/// A function or class that state dicts refer to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(ElementType),
    /// A shape, which is a tuple.
    Size,
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) element: ElementType,
    /// Name of its storage.
    pub(super) storage: Arc<str>,
    pub(super) storage_elements: u64,
    /// First element.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Objects of a pickle.
pub(super) struct Objects {
    pub(super) all: Vec<Object>,
    pub(super) root: Id,
}

/// Runs a pickle.
///
/// # Errors
/// When it refers to anything that is not part of a state dict, or is damaged.
pub(super) fn run(file: &str, pickle: &[u8]) -> Result<Objects> {
    let mut machine = Machine {
        reader: Reader::new(pickle),
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let at = machine.reader.at();
        let operation = machine.reader.byte().ok_or(Failure::Damaged);
        match operation.and_then(|operation| machine.step(operation)) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Objects { all: machine.objects, root }),
            Err(failure) => return Err(failure.error(file, at)),
        }
    }
}

/// The reason for which an operation failed.
enum Failure {
    Damaged,
    TooLarge,
    Global(String),
    WholeModule(String),
    Unknown(u8),
}

impl Failure {
    fn error(self, file: &str, at: usize) -> Error {
        let file = file.to_owned();
        let damaged = |file, problem| {
            let place = format!("the pickle `data.pkl`, at byte {at},");
            Error::Damaged { file, place, problem }
        };
        match self {
            Self::Damaged => damaged(file, "is cut off or changed".to_owned()),
            Self::Unknown(byte) => {
                damaged(file, format!("has operation {byte:#04x}, which no state dict has"))
            }
            Self::TooLarge => {
                let (most, size) = (MOST_OBJECTS as u64, MOST_OBJECTS as u64 + 1);
                Error::TooLarge { file, part: "the pickle `data.pkl`", size, unit: "objects", most }
            }
            Self::Global(global) => Error::Global { file, global },
            Self::WholeModule(class) => Error::WholeModule { file, class },
        }
    }
}

/// A result of an operation.
type Step<T> = Result<T, Failure>;

/// A value that an undamaged pickle has.
fn some<T>(value: Option<T>) -> Step<T> {
    value.ok_or(Failure::Damaged)
}

struct Machine<'a> {
    reader: Reader<'a>,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    /// Runs one operation. Returns the result at the end.
    fn step(&mut self, operation: u8) -> Step<Option<Id>> {
        match operation {
            // PROTO, FRAME
            0x80 => drop(some(self.reader.byte())?),
            0x95 => drop(some(self.reader.array::<8>())?),
            b'.' => return self.pop().map(Some),
            b'0' => drop(self.pop()?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Object::Plain)?,
            b'G' => {
                some(self.reader.array::<8>())?;
                self.push(Object::Plain)?;
            }
            b'J' | b'K' | b'M' | 0x8a => self.integer(operation)?,
            b'X' | 0x8c | 0x8d => self.text(operation)?,
            b')' | b'}' | b']' | 0x8f | b't' | b'l' | b'd' | 0x85..=0x87 => {
                self.container(operation)?
            }
            b's' | b'u' | b'a' | b'e' | 0x90 => self.fill(operation)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.remember(operation)?,
            b'c' | 0x93 => self.global(operation)?,
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            b'b' => self.build()?,
            _ => return Err(Failure::Unknown(operation)),
        }
        Ok(None)
    }

    fn push(&mut self, object: Object) -> Step<()> {
        if self.objects.len() == MOST_OBJECTS {
            return Err(Failure::TooLarge);
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    /// Takes the top of the stack off, down to the last mark at most.
    fn pop(&mut self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(Failure::Damaged);
        }
        some(self.stack.pop())
    }

    /// Takes everything above the last mark off the stack.
    fn pop_to_mark(&mut self) -> Step<Vec<Id>> {
        let mark = some(self.marks.pop())?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark)).ok_or(Failure::Damaged)
    }

    /// The object on top of the stack.
    fn top(&mut self) -> Step<&mut Object> {
        let top = some(self.stack.last())?;
        Ok(&mut self.objects[*top])
    }

    fn integer(&mut self, operation: u8) -> Step<()> {
        let reader = &mut self.reader;
        let number = match operation {
            b'J' => reader.array().map(|bytes| i64::from(i32::from_le_bytes(bytes))),
            b'K' => reader.byte().map(i64::from),
            b'M' => reader.array().map(|bytes| i64::from(u16::from_le_bytes(bytes))),
            _ => reader.byte().and_then(|length| reader.integer(usize::from(length))),
        };
        self.push(Object::Integer(some(number)?))
    }

    fn text(&mut self, operation: u8) -> Step<()> {
        let length = match operation {
            b'X' => self.reader.word32().map(u64::from),
            0x8c => self.reader.byte().map(u64::from),
            _ => self.reader.array().map(u64::from_le_bytes),
        };
        let length = some(length.and_then(|length| usize::try_from(length).ok()))?;
        let text = some(self.reader.text(length))?;
        self.push(Object::Text(text.into()))
    }

    /// A new tuple, list, set or dict.
    fn container(&mut self, operation: u8) -> Step<()> {
        let object = match operation {
            b'}' => Object::Dict(Vec::new()),
            b')' | b']' | 0x8f => Object::Sequence(Vec::new()),
            b'd' => Object::Dict(pairs(&self.pop_to_mark()?)?),
            b't' | b'l' => Object::Sequence(self.pop_to_mark()?),
            _ => {
                let count = usize::from(operation - 0x84);
                let mut items = (0..count).map(|_| self.pop()).collect::<Step<Vec<_>>>()?;
                items.reverse();
                Object::Sequence(items)
            }
        };
        self.push(object)
    }

    /// Adds to the dict or list below.
    fn fill(&mut self, operation: u8) -> Step<()> {
        let items = match operation {
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            b'a' => vec![self.pop()?],
            _ => self.pop_to_mark()?,
        };
        match (operation, self.top()?) {
            (b's' | b'u', Object::Dict(entries)) => entries.extend(pairs(&items)?),
            (b'a' | b'e' | 0x90, Object::Sequence(list)) => list.extend(items),
            _ => return Err(Failure::Damaged),
        }
        Ok(())
    }

    /// Copies references between the stack and the memo.
    fn remember(&mut self, operation: u8) -> Step<()> {
        let key = match operation {
            b'q' | b'h' => self.reader.byte().map(u32::from),
            b'r' | b'j' => self.reader.word32(),
            _ => u32::try_from(self.memo.len()).ok(),
        };
        let key = some(key)?;
        if operation == b'h' || operation == b'j' {
            let id = some(self.memo.get(&key).copied())?;
            self.stack.push(id);
        } else {
            if self.memo.len() == MOST_OBJECTS {
                return Err(Failure::TooLarge);
            }
            let top = some(self.stack.last())?;
            self.memo.insert(key, *top);
        }
        Ok(())
    }

    /// A function or class by its name.
    fn global(&mut self, operation: u8) -> Step<()> {
        let global = if operation == b'c' {
            let module = some(self.reader.line())?;
            format!("{module}.{}", some(self.reader.line())?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let (Object::Text(module), Object::Text(name)) =
                (&self.objects[module], &self.objects[name])
            else {
                return Err(Failure::Damaged);
            };
            format!("{module}.{name}")
        };
        match function(&global) {
            Some(function) => self.push(Object::Function(function)),
            None if self.objects.iter().all(|object| matches!(object, Object::Text(_))) => {
                Err(Failure::WholeModule(global))
            }
            None => Err(Failure::Global(global)),
        }
    }

    /// A storage by its description, `("storage", torch.FloatStorage, "0", "cpu", 216)`.
    fn storage(&mut self) -> Step<()> {
        let description = self.pop()?;
        let Object::Sequence(items) = &self.objects[description] else {
            return Err(Failure::Damaged);
        };
        let items: Vec<&Object> = items.iter().take(6).map(|&id| &self.objects[id]).collect();
        let [
            Object::Text(_),
            Object::Function(Function::Storage(element)),
            Object::Text(name),
            Object::Text(_),
            Object::Integer(elements),
        ] = items[..]
        else {
            return Err(Failure::Damaged);
        };
        let (element, name) = (*element, Arc::clone(name));
        let elements = some(u64::try_from(*elements).ok().filter(|_| name.len() <= LONGEST_NAME))?;
        self.push(Object::Storage { element, name, elements })
    }

    /// The result of a function.
    fn call(&mut self) -> Step<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let (Object::Function(function), Object::Sequence(arguments)) =
            (&self.objects[function], &self.objects[arguments])
        else {
            return Err(Failure::Damaged);
        };
        let argument = |index: usize| some(arguments.get(index)).map(|&id| &self.objects[id]);
        let result = match function {
            Function::OrderedDict => Object::Dict(Vec::new()),
            Function::RebuildTensor => {
                let arguments = [argument(0)?, argument(1)?, argument(2)?, argument(3)?];
                Object::Tensor(self.tensor(arguments)?)
            }
            Function::RebuildParameter | Function::Size => match argument(0)? {
                Object::Tensor(tensor) => Object::Tensor(tensor.clone()),
                Object::Sequence(sizes) if sizes.len() <= MOST_DIMENSIONS => {
                    Object::Sequence(sizes.clone())
                }
                _ => return Err(Failure::Damaged),
            },
            Function::Storage(_) => return Err(Failure::Damaged),
        };
        self.push(result)
    }

    /// A tensor by storage, first element, shape and strides.
    fn tensor(&self, arguments: [&Object; 4]) -> Step<Tensor> {
        let [
            Object::Storage { element, name, elements },
            Object::Integer(offset),
            Object::Sequence(shape),
            Object::Sequence(strides),
        ] = arguments
        else {
            return Err(Failure::Damaged);
        };
        Ok(Tensor {
            element: *element,
            storage: Arc::clone(name),
            storage_elements: *elements,
            offset: some(usize::try_from(*offset).ok())?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        })
    }

    fn sizes(&self, ids: &[Id]) -> Step<Vec<usize>> {
        if ids.len() > MOST_DIMENSIONS {
            return Err(Failure::Damaged);
        }
        let size = |&id: &Id| match self.objects[id] {
            Object::Integer(size) => usize::try_from(size).ok(),
            _ => None,
        };
        some(ids.iter().map(size).collect())
    }

    /// Drops the state of an object: attributes of a dict, such as `_metadata`, change no parameter.
    fn build(&mut self) -> Step<()> {
        self.pop()?;
        match self.top()? {
            Object::Dict(_) => Ok(()),
            _ => Err(Failure::Damaged),
        }
    }
}

/// Keys and values in turn.
fn pairs(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks();
    if rest.is_empty() {
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    } else {
        Err(Failure::Damaged)
    }
}

/// The function of a name, if a state dict may refer to it.
fn function(name: &str) -> Option<Function> {
    Some(match name {
        "collections.OrderedDict" => Function::OrderedDict,
        "torch._utils._rebuild_tensor_v2" => Function::RebuildTensor,
        "torch._utils._rebuild_parameter" => Function::RebuildParameter,
        "torch.Size" => Function::Size,
        "torch.HalfStorage" => Function::Storage(ElementType::F16),
        "torch.BFloat16Storage" => Function::Storage(ElementType::Bf16),
        "torch.FloatStorage" => Function::Storage(ElementType::F32),
        "torch.DoubleStorage" => Function::Storage(ElementType::F64),
        "torch.LongStorage" => Function::Storage(ElementType::I64),
        "torch.IntStorage" => Function::Storage(ElementType::I32),
        "torch.ShortStorage" => Function::Storage(ElementType::I16),
        "torch.CharStorage" => Function::Storage(ElementType::I8),
        "torch.ByteStorage" => Function::Storage(ElementType::U8),
        "torch.BoolStorage" => Function::Storage(ElementType::Bool),
        _ => return None,
    })
}
