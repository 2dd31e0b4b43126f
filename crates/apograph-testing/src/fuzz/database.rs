//! Database files.

use apograph_format::{DatabaseHeaders, Image};

/// Every extent of an image that is accepted lies in the file, behind the headers.
///
/// # Panics
///
/// Where that is not so.
pub fn database_file(data: &[u8]) {
    let headers = DatabaseHeaders::decode(data);
    let Ok(image) = Image::parse(data) else {
        return;
    };
    assert_eq!(headers.as_ref(), Ok(image.headers()));
    assert!(image.headers().slots.contains(image.checkpoint()));
    assert!(image.extents().len() <= 127);
    for extent in image.extents() {
        let range = extent.range().expect("an extent fits into memory");
        assert!(range.start >= 12288 && range.start <= range.end && range.end <= data.len());
        assert_ne!(extent.content.to_string(), "");
    }
    let intact = |extent: &apograph_format::Extent| extent.check(data).is_ok();
    assert_eq!(
        image.check(data).is_ok(),
        image.extents().iter().all(intact)
    );
}
