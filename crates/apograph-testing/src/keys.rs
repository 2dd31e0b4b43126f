//! Keys of age, which protect nothing.

/// A key pair.
#[derive(Debug, Clone, Copy)]
pub struct KeyPair {
    /// An identity file, as age-keygen writes it.
    pub identity: &'static str,
    /// The public key.
    pub recipient: &'static str,
}

/// One who reads what is encrypted.
pub const ALICE: KeyPair = KeyPair {
    identity: "# created: 2026-11-30T00:00:00Z\n\
        # public key: age1jquyj6sm8v7hk8anxsr7d98yr7xn9cewwnmk8fpg6l33qwju3sgqcfln7m\n\
        AGE-SECRET-KEY-1SN5VEP9WLJ7KWHUYR6C8YNY3NR2AGEX9M0D3HUDAJNKGAQCXN54SZVRWXJ\n",
    recipient: "age1jquyj6sm8v7hk8anxsr7d98yr7xn9cewwnmk8fpg6l33qwju3sgqcfln7m",
};

/// Another one.
pub const BOB: KeyPair = KeyPair {
    identity: "# created: 2026-11-30T00:00:00Z\n\
        # public key: age1ulw00zjwtkr8ax20ne5pzcn0mdeugufglqcm3l409jp4t4f0lpxqvw0a0f\n\
        AGE-SECRET-KEY-18MQXMG3M7REJ8PGY4X93M4706GTRVEMP2XES4WHNSCPHZ26FGPSSASCV2S\n",
    recipient: "age1ulw00zjwtkr8ax20ne5pzcn0mdeugufglqcm3l409jp4t4f0lpxqvw0a0f",
};
