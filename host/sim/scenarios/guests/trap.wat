;; Traps.
(memory (export "memory") 4)
(func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
    unreachable)
