//! Tests of the operations on indexes.

use proptest::prelude::*;
use tl_model::{IndexModel, ModelOption, NewIndex};

use super::*;

proptest! {
    #[test]
    fn requests_with_any_id_round_trip(index in id(), name in text()) {
        round_trip(&GetIndex { index_id: index.as_str().into() });
        round_trip(&RenameIndex { index_id: index.as_str().into(), index_name: name });
        round_trip(&DeleteIndex { index_id: index.as_str().into() });
    }
}

#[test]
fn list_and_create_round_trip() {
    round_trip(&ListIndexes {
        index_name: Some("my index".into()),
        model_options: Some("visual,audio".into()),
        model_family: Some("marengo".into()),
        ..ListIndexes::default()
    });
    round_trip(&CreateIndex {
        index: NewIndex::new(
            "films",
            [IndexModel::new(
                "marengo3.0",
                [ModelOption::from("visual"), ModelOption::from("audio")],
            )],
        ),
    });
}
