//! PyTorch code.
