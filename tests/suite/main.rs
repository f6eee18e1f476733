//! One binary for all suites; a module for each part of the house or of the contract.

mod architecture;
