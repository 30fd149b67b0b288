//! The Python module `tl_validate._native`: the local check of videos, with helper processes that
//! read the files.
//!
//! | Module | Content |
//! |---|---|
//! | `checker` | the class `Checker`: rules, target, and the check of files |
//! | `pools` | one pool of helpers per process and set of options, also after a fork |
//! | `report` | the classes `Report`, `Finding` and `Fix` |
//! | `json` | JSON values as Python objects |
//! | `error` | the exception `CheckError`, and which errors are an `OSError` |
//!
//! The types and their documentation are in `python/tl_validate/__init__.pyi`.

mod checker;
mod error;
mod json;
mod pools;
mod report;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<checker::Checker>()?;
    module.add_class::<report::Report>()?;
    module.add_class::<report::Finding>()?;
    module.add_class::<report::Fix>()?;
    module.add_function(wrap_pyfunction!(checker::use_helper, module)?)?;
    module.add("CheckError", module.py().get_type::<error::CheckError>())?;
    module.add("ENTRY_SCHEMA", tl_validate::formats::ENTRY_SCHEMA)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
