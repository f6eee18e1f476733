//! Names and comments, made mechanically from what the protos say.

use prost_reflect::FileDescriptor;

/// The comment above the element at `path` of a file, as one paragraph without line breaks.
pub(crate) fn leading_comment(file: &FileDescriptor, path: &[i32]) -> Option<String> {
    let source_info = file.file_descriptor_proto().source_code_info.as_ref()?;
    let location = source_info.location.iter().find(|location| location.path == path)?;
    let comment = location.leading_comments().split_whitespace().collect::<Vec<_>>().join(" ");
    (!comment.is_empty()).then_some(comment)
}

/// `MEMORY_BUCKET_FULL` becomes `MemoryBucketFull`.
pub(crate) fn upper_camel(upper_snake: &str) -> String {
    upper_snake
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}

/// `ListModels` becomes `listModels`.
pub(crate) fn lower_camel(upper_camel: &str) -> String {
    let (first, rest) = upper_camel.split_at(upper_camel.len().min(1));
    format!("{}{rest}", first.to_lowercase())
}
