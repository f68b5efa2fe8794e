//! PyTorch: the code of a net, and state dicts.

mod code;
mod state_dict;

pub use code::{Code, write_code};
pub use state_dict::write_state_dict;
