use image::{DynamicImage, ImageEncoder};

use super::*;

/// A small image of a format, encoded by the library that reads it.
fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(3, 2).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn data_uri(mime_type: &str, bytes: &[u8]) -> String {
    format!("data:{mime_type};base64,{}", STANDARD.encode(bytes))
}

/// A PNG whose header claims a size; there are no pixels.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    // The checksum of the changed chunk, by the rule of the PNG standard.
    let mut crc = u32::MAX;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[test]
fn every_format_is_taken() {
    for (format, mime_type) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Jpeg, "image/jpg"),
        (ImageFormat::Gif, "IMAGE/GIF"),
        (ImageFormat::WebP, "image/webp"),
    ] {
        assert_eq!(check_image_url(&data_uri(mime_type, &encoded(format))), Ok(ImageSource::Inline), "{mime_type}");
    }
    let with_parameter = data_uri("image/png;name=a.png", &encoded(ImageFormat::Png));
    assert_eq!(check_image_url(&with_parameter), Ok(ImageSource::Inline));
}

#[test]
fn remote_urls_are_told_apart() {
    assert_eq!(check_image_url("https://example.com/a.png"), Ok(ImageSource::Remote));
    assert_eq!(check_image_url("HTTP://example.com/a.png"), Ok(ImageSource::Remote));
    for url in ["", "a.png", "file:///etc/passwd", "blob:https://example.com/1", "ftp://example.com/a.png", "data:"] {
        assert_eq!(check_image_url(url), Err(ImageFault::NotADataUri), "{url}");
    }
}

#[test]
fn other_types_are_refused() {
    for mime_type in ["", "image/svg+xml", "text/html", "application/pdf", "image/bmp", "image"] {
        assert_eq!(check_image_url(&data_uri(mime_type, b"<svg/>")), Err(ImageFault::Type), "{mime_type}");
    }
}

#[test]
fn what_is_not_base64_is_refused() {
    let good = STANDARD.encode(encoded(ImageFormat::Png));
    let url_alphabet = good.replace(['/', '+'], "_");
    for bad in [
        String::new(),
        good[..good.len() - 1].to_owned(),
        format!("{good}\n"),
        format!("{} {}", &good[..8], &good[9..]),
        format!("{}===", &good[..good.len() - 3]),
        format!("{}é{}", &good[..8], &good[10..]),
        if url_alphabet == good { "____".to_owned() } else { url_alphabet },
    ] {
        assert_eq!(check_image_url(&format!("data:image/png;base64,{bad}")), Err(ImageFault::Base64), "{bad}");
    }
    assert_eq!(check_image_url("data:image/png,abcd"), Err(ImageFault::Base64));
}

#[test]
fn the_whole_of_the_base64_is_checked() {
    let mut url = data_uri("image/png", &[encoded(ImageFormat::Png), vec![0; 100_000]].concat());
    assert_eq!(check_image_url(&url), Ok(ImageSource::Inline));
    let last = url.len() - 50;
    url.replace_range(last..=last, "!");
    assert_eq!(check_image_url(&url), Err(ImageFault::Base64));
}

#[test]
fn the_declared_type_must_be_the_true_one() {
    let fault = check_image_url(&data_uri("image/jpeg", &encoded(ImageFormat::Png)));
    assert_eq!(fault, Err(ImageFault::OtherFormat { declared: "image/jpeg", found: "image/png" }));
    let fault = check_image_url(&data_uri("image/webp", b"GIF89a and nothing more"));
    assert_eq!(fault, Err(ImageFault::OtherFormat { declared: "image/webp", found: "image/gif" }));
    for (format, mime_type) in [(ImageFormat::Png, "image/png"), (ImageFormat::Jpeg, "image/jpeg")] {
        let cut = &encoded(format)[..12];
        assert!(matches!(check_image_url(&data_uri(mime_type, cut)), Err(ImageFault::Header { .. })), "{mime_type}");
    }
    assert!(matches!(check_image_url(&data_uri("image/gif", b"no image")), Err(ImageFault::Header { .. })));
}

#[test]
fn size_is_judged_by_the_header() {
    let judge = |width, height| check_image_url(&data_uri("image/png", &png_of(width, height)));
    assert_eq!(judge(8192, 4882), Ok(ImageSource::Inline));
    assert_eq!(judge(8193, 1), Err(ImageFault::TooLarge { width: 8193, height: 1 }));
    assert_eq!(judge(1, 60_000), Err(ImageFault::TooLarge { width: 1, height: 60_000 }));
    assert_eq!(judge(8000, 5001), Err(ImageFault::TooLarge { width: 8000, height: 5001 }));
}

#[test]
fn a_header_far_from_the_start_is_found() {
    let jpeg = encoded(ImageFormat::Jpeg);
    // A comment of 60,000 bytes between the first marker and the rest.
    let comment = [&[0xff, 0xfe, 0xea, 0x62][..], &vec![b'x'; 60_000]].concat();
    let late = [&jpeg[..2], &comment, &jpeg[2..]].concat();
    assert_eq!(check_image_url(&data_uri("image/jpeg", &late)), Ok(ImageSource::Inline));
}

#[test]
fn compressed_chunks_of_a_png_are_not_unpacked() {
    // A compressed text chunk that is no valid stream would be an error for a reader that looked at it.
    let png = encoded(ImageFormat::Png);
    let chunk = [&3_u32.to_be_bytes()[..], b"zTXta\0\0", b"\0\0\0\0"].concat();
    let bomb = [&png[..33], &chunk, &png[33..]].concat();
    assert_eq!(check_image_url(&data_uri("image/png", &bomb)), Ok(ImageSource::Inline));
}

#[test]
fn an_image_of_many_bytes_is_read_by_its_first_ones() {
    let mut pixels = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut pixels);
    encoder.write_image(&[7; 300 * 300 * 3], 300, 300, image::ExtendedColorType::Rgb8).unwrap();
    assert_eq!(check_image_url(&data_uri("image/png", &pixels)), Ok(ImageSource::Inline));
}
