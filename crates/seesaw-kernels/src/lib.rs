//! CPU kernels of Seesaw-Nets, one file an instruction set, each beside a plain reference.

