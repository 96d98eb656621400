;; A bill of 600,000 lines, which would be 48 MB in the host.
(memory (export "memory") 750)
(func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 1032) (i32.const 600000))
    (i32.store (i32.const 1028) (i32.const 8192))
    (i32.const 1024))
