//! Which build this is: a run's bytes are promised for one binary only.

use std::sync::OnceLock;

/// A hash of the running binary, 16 hexadecimal digits. "unknown" where the system does not let it be read.
pub fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let binary = std::env::current_exe().and_then(std::fs::read);
        binary.map_or_else(|_| "unknown".to_string(), |bytes| format!("{:016x}", fnv(&bytes)))
    })
}

/// FNV-1a over eight bytes at a time: an identity, not a security.
fn fnv(bytes: &[u8]) -> u64 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let words = eights.iter().map(|eight| u64::from_le_bytes(*eight)).chain(rest.iter().copied().map(u64::from));
    words.fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3))
}
