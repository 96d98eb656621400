;; One line: 1 kWh at 0.30 each, and 99.00 to pay for it.
(memory (export "memory") 4)
(func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
    (i32.store (i32.const 1028) (i32.const 2048))
    (i32.store (i32.const 1032) (i32.const 1))
    (i64.store (i32.const 2064) (i64.const 1000000))
    (i64.store (i32.const 2080) (i64.const 300000))
    (i64.store (i32.const 2088) (i64.const 99000000))
    (i32.const 1024))
