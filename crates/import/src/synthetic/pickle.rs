//! Writes pickles as `torch.save` does, and ones that it would not write.

use super::Parameter;

/// A view of a storage.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Name of the storage's class: `FloatStorage`.
    pub class: &'a str,
    /// Number of the storage.
    pub storage: usize,
    /// Its elements.
    pub elements: usize,
    /// First element of the view.
    pub offset: usize,
    /// Extents.
    pub shape: &'a [usize],
    /// Elements between neighbours.
    pub strides: &'a [usize],
}

/// A pickle in protocol 2, operation by operation.
#[derive(Clone, Debug)]
pub struct Pickle(Vec<u8>);

impl Default for Pickle {
    fn default() -> Self {
        Self::new()
    }
}

impl Pickle {
    /// An empty one.
    pub fn new() -> Self {
        Self(vec![0x80, 2])
    }

    /// An operation without arguments, or any bytes.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    /// A function or class.
    pub fn global(&mut self, module: &str, name: &str) -> &mut Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    /// A number.
    pub fn integer(&mut self, number: usize) -> &mut Self {
        match u8::try_from(number) {
            Ok(byte) => self.raw(&[b'K', byte]),
            Err(_) => self.raw(b"J").raw(&(number as u32).to_le_bytes()),
        }
    }

    /// A tuple of numbers.
    pub fn sizes(&mut self, sizes: &[usize]) -> &mut Self {
        self.raw(b"(");
        for &size in sizes {
            self.integer(size);
        }
        self.raw(b"t")
    }

    /// A tensor.
    pub fn tensor(&mut self, view: &View<'_>) -> &mut Self {
        self.global("torch._utils", "_rebuild_tensor_v2").raw(b"((");
        self.text("storage").global("torch", view.class).text(&view.storage.to_string());
        self.text("cpu").integer(view.elements).raw(b"tQ").integer(view.offset);
        self.sizes(view.shape).sizes(view.strides).raw(b"\x89");
        self.global("collections", "OrderedDict").raw(b")RtR")
    }

    /// An `OrderedDict` of parameters, with the attribute that state dicts have. Storages are numbered from `first` on.
    pub fn state_dict(&mut self, parameters: &[Parameter], first: usize) -> &mut Self {
        self.global("collections", "OrderedDict").raw(b")Rq\x01(");
        for (index, parameter) in parameters.iter().enumerate() {
            let strides: Vec<usize> = (1..=parameter.shape.len())
                .map(|axis| parameter.shape[axis..].iter().product())
                .collect();
            self.text(&parameter.name).tensor(&View {
                class: "FloatStorage",
                storage: first + index,
                elements: parameter.values.len(),
                offset: 0,
                shape: &parameter.shape,
                strides: &strides,
            });
        }
        self.raw(b"u}").text("_metadata").global("collections", "OrderedDict").raw(b")Rsb")
    }

    /// The finished bytes.
    pub fn end(&mut self) -> Vec<u8> {
        self.raw(b".").0.clone()
    }
}
