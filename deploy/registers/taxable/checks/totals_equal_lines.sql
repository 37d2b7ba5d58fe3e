-- The total of a declaration is the sum of its 110 lines.
SELECT count(*)
FROM taxable.declaration
WHERE total <>
    line_001 + line_002 + line_003 + line_004 + line_005 + line_006 + line_007 + line_008 + line_009 + line_010 +
    line_011 + line_012 + line_013 + line_014 + line_015 + line_016 + line_017 + line_018 + line_019 + line_020 +
    line_021 + line_022 + line_023 + line_024 + line_025 + line_026 + line_027 + line_028 + line_029 + line_030 +
    line_031 + line_032 + line_033 + line_034 + line_035 + line_036 + line_037 + line_038 + line_039 + line_040 +
    line_041 + line_042 + line_043 + line_044 + line_045 + line_046 + line_047 + line_048 + line_049 + line_050 +
    line_051 + line_052 + line_053 + line_054 + line_055 + line_056 + line_057 + line_058 + line_059 + line_060 +
    line_061 + line_062 + line_063 + line_064 + line_065 + line_066 + line_067 + line_068 + line_069 + line_070 +
    coalesce(line_071, 0) + coalesce(line_072, 0) + coalesce(line_073, 0) + coalesce(line_074, 0) + coalesce(line_075, 0) +
    coalesce(line_076, 0) + coalesce(line_077, 0) + coalesce(line_078, 0) + coalesce(line_079, 0) + coalesce(line_080, 0) +
    coalesce(line_081, 0) + coalesce(line_082, 0) + coalesce(line_083, 0) + coalesce(line_084, 0) + coalesce(line_085, 0) +
    coalesce(line_086, 0) + coalesce(line_087, 0) + coalesce(line_088, 0) + coalesce(line_089, 0) + coalesce(line_090, 0) +
    coalesce(line_091, 0) + coalesce(line_092, 0) + coalesce(line_093, 0) + coalesce(line_094, 0) + coalesce(line_095, 0) +
    coalesce(line_096, 0) + coalesce(line_097, 0) + coalesce(line_098, 0) + coalesce(line_099, 0) + coalesce(line_100, 0) +
    coalesce(line_101, 0) + coalesce(line_102, 0) + coalesce(line_103, 0) + coalesce(line_104, 0) + coalesce(line_105, 0) +
    coalesce(line_106, 0) + coalesce(line_107, 0) + coalesce(line_108, 0) + coalesce(line_109, 0) + coalesce(line_110, 0)
