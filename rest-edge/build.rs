//! Has the edge compiled anew when a file of the pages comes or goes: the macro that includes them only tells of those
//! that it found.

fn main() {
    println!("cargo:rerun-if-changed=assets");
}
