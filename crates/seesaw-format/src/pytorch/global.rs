//! The functions and classes that a pickle may name; they are only names here, and never called.

use super::value::{Element, Values};
use crate::{FormatError, error::shown};

/// A function or class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    Dict,
    Size,
    RebuildTensor,
    /// A tensor in another class or as a parameter; the argument with that number describes it.
    RebuildParameter,
    RebuildFromType,
    StorageOf(Element),
    /// Any other, whose name [`Values::name`] has.
    Unknown(u32),
}

impl Global {
    /// The function or class of this name.
    ///
    /// # Errors
    /// [`FormatError::Pickle`] when there are too many names.
    pub fn named(values: &mut Values, module: &str, name: &str) -> Result<Self, FormatError> {
        use Element::{Bf16, F16, F32, F64, Unused};
        let element = match (module, name) {
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => {
                return Ok(Self::Dict);
            }
            ("torch", "Size") => return Ok(Self::Size),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
                return Ok(Self::RebuildTensor);
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                return Ok(Self::RebuildParameter);
            }
            ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
                return Ok(Self::RebuildFromType);
            }
            ("torch", "DoubleStorage") => F64,
            ("torch", "FloatStorage") => F32,
            ("torch", "HalfStorage") => F16,
            ("torch", "BFloat16Storage") => Bf16,
            ("torch", "ComplexDoubleStorage") => Unused(16),
            ("torch", "LongStorage" | "ComplexFloatStorage") => Unused(8),
            ("torch", "IntStorage" | "QInt32Storage") => Unused(4),
            ("torch", "ShortStorage") => Unused(2),
            ("torch", "CharStorage" | "ByteStorage" | "BoolStorage") => Unused(1),
            ("torch", "QInt8Storage" | "QUInt8Storage") => Unused(1),
            _ => {
                let whole = shown(&format!("{module}.{name}"));
                return values.add_name(whole).map(Self::Unknown);
            }
        };
        Ok(Self::StorageOf(element))
    }
}

/// Whether this names a class, or a function that makes a number or an array, as in the accuracies,
/// options and schedules that nearly every checkpoint holds in addition to the weights. That these are
/// skipped is not worth a word.
pub(super) fn is_usual(name: &str) -> bool {
    let Some((module, name)) = name.rsplit_once('.') else { return false };
    match module {
        "numpy" => matches!(name, "dtype" | "ndarray"),
        "numpy.core.multiarray" | "numpy._core.multiarray" => {
            matches!(name, "scalar" | "_reconstruct")
        }
        "_codecs" => name == "encode",
        "__builtin__" | "builtins" => {
            matches!(
                name,
                "set" | "frozenset" | "complex" | "bytearray" | "list" | "int" | "getattr"
            )
        }
        "collections" => matches!(name, "Counter" | "defaultdict"),
        "argparse" => name == "Namespace",
        "pathlib" | "pathlib._local" => {
            matches!(name, "PosixPath" | "PurePosixPath" | "WindowsPath" | "PureWindowsPath")
        }
        "torch" => {
            matches!(
                name,
                "device" | "float32" | "float16" | "bfloat16" | "float64" | "int64" | "strided"
            )
        }
        "torch.torch_version" => name == "TorchVersion",
        "datetime" => matches!(name, "datetime" | "date" | "time" | "timedelta" | "timezone"),
        _ => false,
    }
}
