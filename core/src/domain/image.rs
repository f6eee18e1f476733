//! Images in a request: checked by their header, never decoded, never fetched.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, ImageReader};

/// The most pixels on one side.
const MAX_SIDE: u32 = 8192;
/// The most pixels.
const MAX_PIXELS: u64 = 40_000_000;
/// How much of an image is looked at first, in base64 characters; a header that is longer is looked at again, eight
/// times as far. A multiple of four.
const FIRST_LOOK: usize = 4096;

/// Where an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// The URL holds the image itself, and it was found good.
    Inline,
    /// An http or https URL, which only the model server could fetch.
    Remote,
}

/// Why an image is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageFault {
    /// Neither a data URI nor an http(s) URL.
    #[error("must be a data URI: data:image/png;base64, and the bytes in base64.")]
    NotADataUri,
    /// The data URI has no or another MIME type.
    #[error("must declare the type image/jpeg, image/png, image/webp or image/gif.")]
    Type,
    /// The data URI is not base64.
    #[error("must hold base64 in the standard alphabet, padded and without white space.")]
    Base64,
    /// The header is not one of the declared format.
    #[error("declares {declared} and the image has no readable header of that format.")]
    Header {
        /// The declared MIME type.
        declared: &'static str,
    },
    /// The header says that it is of another format.
    #[error("declares {declared} and the image is {found}.")]
    OtherFormat {
        /// The declared MIME type.
        declared: &'static str,
        /// The true MIME type.
        found: &'static str,
    },
    /// Too many pixels.
    #[error("is {width} x {height} pixels; at most {MAX_SIDE} on a side and 40 megapixels are taken.")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// Judges the URL of an image part.
pub fn check_image_url(url: &str) -> Result<ImageSource, ImageFault> {
    match url.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("data") => check_data(rest).map(|()| ImageSource::Inline),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            Ok(ImageSource::Remote)
        }
        _ => Err(ImageFault::NotADataUri),
    }
}

/// Judges what follows `data:`.
fn check_data(rest: &str) -> Result<(), ImageFault> {
    let (head, base64) = rest.split_once(',').ok_or(ImageFault::NotADataUri)?;
    let mut parameters = head.split(';');
    let (format, declared) = format_of(parameters.next().unwrap_or_default()).ok_or(ImageFault::Type)?;
    if !parameters.next_back().is_some_and(|last| last.eq_ignore_ascii_case("base64")) {
        return Err(ImageFault::Base64);
    }
    if !is_base64(base64) {
        return Err(ImageFault::Base64);
    }
    check_header(base64, format, declared)
}

/// The formats that are taken, by MIME type. `image/jpg` is a common slip for `image/jpeg`.
fn format_of(mime_type: &str) -> Option<(ImageFormat, &'static str)> {
    let taken = [
        ("image/jpeg", ImageFormat::Jpeg),
        ("image/jpg", ImageFormat::Jpeg),
        ("image/png", ImageFormat::Png),
        ("image/webp", ImageFormat::WebP),
        ("image/gif", ImageFormat::Gif),
    ];
    let (name, format) = taken.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(mime_type))?;
    Some((format, name))
}

/// Whether all of it is base64: the body by its alphabet, without a branch per byte, and the last group by decoding.
fn is_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        return false;
    }
    let (body, last) = bytes.split_at(bytes.len() - 4);
    let in_alphabet = |byte: u8| {
        byte.wrapping_sub(b'A') < 26
            || byte.wrapping_sub(b'a') < 26
            || byte.wrapping_sub(b'/') < 11 // '/' and the digits
            || byte == b'+'
    };
    let body_is_good = body.iter().fold(true, |good, byte| good & in_alphabet(*byte));
    body_is_good && STANDARD.decode(last).is_ok()
}

/// Reads the header, and no pixel.
fn check_header(base64: &str, format: ImageFormat, declared: &'static str) -> Result<(), ImageFault> {
    let mut look = FIRST_LOOK;
    loop {
        let end = look.min(base64.len());
        let bytes = STANDARD.decode(&base64[..end]).map_err(|_| ImageFault::Base64)?;
        if let Ok(found) = image::guess_format(&bytes)
            && found != format
        {
            return Err(ImageFault::OtherFormat { declared, found: found.to_mime_type() });
        }
        match dimensions(bytes, format) {
            Ok((width, height)) => {
                let too_large = width > MAX_SIDE || height > MAX_SIDE;
                let too_large = too_large || u64::from(width) * u64::from(height) > MAX_PIXELS;
                return if too_large { Err(ImageFault::TooLarge { width, height }) } else { Ok(()) };
            }
            Err(_) if end < base64.len() => look *= 8,
            Err(_) => return Err(ImageFault::Header { declared }),
        }
    }
}

fn dimensions(mut bytes: Vec<u8>, format: ImageFormat) -> image::ImageResult<(u32, u32)> {
    if format == ImageFormat::Png {
        only_first_png_chunk(&mut bytes);
    }
    ImageReader::with_format(Cursor::new(bytes), format).into_dimensions()
}

/// Leaves of a PNG its signature and first chunk, which holds the size, and puts an empty data chunk behind them: what
/// may stand in between (text, colour profiles) can be compressed, and would be unpacked.
fn only_first_png_chunk(bytes: &mut Vec<u8>) {
    const SIGNATURE_AND_FIRST_CHUNK: usize = 8 + 25;
    const EMPTY_DATA_CHUNK: &[u8] = b"\0\0\0\0IDAT\x35\xaf\x06\x1e";
    bytes.truncate(SIGNATURE_AND_FIRST_CHUNK);
    bytes.extend_from_slice(EMPTY_DATA_CHUNK);
}

#[cfg(test)]
mod tests;
