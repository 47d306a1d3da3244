"""Names written in Arabic, Persian, Han, Thai, Devanagari, Ethiopic, Georgian and Greek letters, with the Latin
spellings in use, written by hand: an entry is `native=spelling,spelling ...`, the passport's first. Georgian and Greek
have none: `romanisation` spells them. Common names, which are facts; Latin spellings after the ALA-LC or national
system and what offices write instead (Mohammed, Mohamed; the French spellings of Morocco).

Lists are in falling order of how usual a name is; the generator draws by rank.
"""

from itertools import product
from typing import Final

__all__ = ["OTHER"]

_AR_FEMALE: Final = """
فاطمة=Fatima,Fatma,Fatema,Fatimah مريم=Maryam,Mariam,Meryem,Miriam زينب=Zainab,Zaynab,Zeinab
عائشة=Aisha,Aicha,Ayesha,Aysha نور=Nour,Noor,Nur سارة=Sara,Sarah هدى=Huda,Houda,Hoda رنا=Rana أمل=Amal
خديجة=Khadija,Khadidja,Khadijah ليلى=Layla,Leila,Laila سعاد=Suad,Souad نادية=Nadia,Nadya سميرة=Samira
حنان=Hanan,Hanane إيمان=Iman,Imane,Eman رشا=Rasha دعاء=Duaa,Doaa,Douaa هناء=Hana,Hanaa شيماء=Shaimaa,Chaimaa,Shayma
آمنة=Amina,Amna,Amneh رغد=Raghad سلمى=Salma وفاء=Wafaa,Ouafae,Wafa بشرى=Bushra,Bouchra كريمة=Karima
غزل=Ghazal,Ghazel هبة=Hiba,Heba نجلاء=Najlaa,Najla ياسمين=Yasmin,Yasmine,Jasmin لطيفة=Latifa رحمة=Rahma
سناء=Sanaa,Sana أسماء=Asma,Asmaa رقية=Ruqaya,Roqaya,Rukayya جميلة=Jamila,Djamila عبير=Abeer,Abir منى=Mona,Muna,Mouna
هالة=Hala,Hala ريم=Reem,Rim,Rym سهام=Siham,Seham لبنى=Lubna,Loubna صباح=Sabah فرح=Farah
"""
_AR_MALE: Final = """
محمد=Mohammed,Mohamed,Muhammad,Mohammad أحمد=Ahmed,Ahmad علي=Ali حسين=Hussein,Husain,Hossein,Houssein
حسن=Hassan,Hasan مصطفى=Mustafa,Mostafa,Moustapha يوسف=Yusuf,Youssef,Yousef,Yousif إبراهيم=Ibrahim,Brahim,Ebrahim
خالد=Khaled,Khalid عمر=Omar,Umar محمود=Mahmoud,Mahmud عبدالله=Abdullah,Abdallah,Abdulla كريم=Karim,Kareem
سعيد=Said,Saeed,Saïd جمال=Jamal,Djamal,Gamal طارق=Tariq,Tarek,Tareq رشيد=Rashid,Rachid,Rasheed حمزة=Hamza,Hamzah
عباس=Abbas قاسم=Qasim,Kassem,Qassem جعفر=Jaafar,Jafar بلال=Bilal,Belal أيمن=Ayman,Aymen وليد=Walid,Waleed,Oualid
زكريا=Zakaria,Zakariya فيصل=Faisal,Faysal سامي=Sami,Samy هشام=Hisham,Hicham ياسين=Yassin,Yassine,Yasin
إسماعيل=Ismail,Ismael,Esmail نبيل=Nabil,Nabeel رائد=Raed,Raid عبدالرحمن=Abdulrahman,Abderrahmane,Abdelrahman
مروان=Marwan,Marouane
"""
_AR_FAMILIES: Final = """
الحسن=Al-Hassan,Alhassan,Al_Hasan الأحمد=Al-Ahmad,Alahmad,Al_Ahmed المحمد=Al-Mohammad,Almohammad حداد=Haddad,Hadad
خوري=Khoury,Khouri,Khuri الخطيب=Al-Khatib,Alkhatib,El_Khatib درويش=Darwish,Darwich,Darwesh
الشامي=Al-Shami,Alshami,El_Chami منصور=Mansour,Mansur العلي=Al-Ali,Alali,El_Ali السعدي=Al-Saadi,Alsaadi,Es-Saadi
الجبوري=Al-Jubouri,Aljubouri,Al-Jaburi الربيعي=Al-Rubaie,Alrubaie,Al-Rubaye الدليمي=Al-Dulaimi,Aldulaimi,Al-Dulaymi
العبيدي=Al-Obaidi,Alobaidi,Al-Ubaidi الكعبي=Al-Kaabi,Alkaabi الزبيدي=Al-Zubaidi,Alzubaidi,Al-Zubaydi
البغدادي=Al-Baghdadi,Albaghdadi الموسوي=Al-Musawi,Almousawi,Al-Mousawi حمود=Hammoud,Hamoud صالح=Saleh,Salih
سلمان=Salman,Selman عيسى=Issa,Isa,Eissa جابر=Jaber,Jabir,Gaber نعمة=Nehme,Nima شاهين=Shahin,Chahine,Shaheen
قباني=Qabbani,Kabbani,Kabani زيدان=Zidan,Zeidan,Zaydan عثمان=Othman,Osman,Uthman الرفاعي=Al-Rifai,Alrifai,Al-Refai
مراد=Murad,Mourad بكر=Bakr,Bakri يعقوب=Yaqoub,Yacoub,Yakoub الطائي=Al-Taie,Altaie,Al-Tai العزاوي=Al-Azzawi,Alazzawi
الحلبي=Al-Halabi,Alhalabi,El_Halabi الحمصي=Al-Homsi,Alhomsi,Homsi الدمشقي=Al-Dimashqi,Aldimashqi
الصالح=Al-Saleh,Alsaleh الهاشمي=Al-Hashimi,Alhashimi,Al-Hashemi الأسعد=Al-Asaad,Alasaad
الجاسم=Al-Jassim,Aljasem,Al-Jasim
"""
_MA_FAMILIES: Final = """
العلوي=Alaoui,El_Alaoui بناني=Bennani الإدريسي=El_Idrissi,Idrissi,Al-Idrisi التازي=Tazi,Ettazi
الفاسي=El_Fassi,Fassi,Al-Fasi بنجلون=Benjelloun,Ben_Jelloun الصقلي=Skalli,Sqalli لحلو=Lahlou
الشرقاوي=Cherkaoui,Charkaoui,Al-Sharqawi العمراني=El_Amrani,Amrani المنصوري=El_Mansouri,Mansouri,Al-Mansuri
بوعزة=Bouazza,Bou_Azza أمزيان=Amziane السباعي=Sbai,Essbai حجي=Hajji,Hejji الزهراوي=Zahraoui,Ezzahraoui
العسري=El_Asri,Lasri بلقاسم=Belkacem,Belqasim الناصري=Naciri,Ennaciri,Al-Nasiri كوثر=Kaouthar
الحداوي=El_Haddaoui,Haddaoui بوشتى=Bouchta الرامي=Rami,Errami المرابط=El_Mrabet,Mourabit,Al-Murabit
بنعلي=Benali,Ben_Ali بلحاج=Belhaj,Bel_Hadj الطاهري=Tahiri,Ettahiri وهبي=Ouahbi,Wahbi الغازي=El_Ghazi,Ghazi
الزياني=Ziani,Zayani المغربي=El_Maghribi,Maghrebi حمداوي=Hamdaoui بوزيان=Bouziane,Bouzian
الكتاني=Kettani,El_Kettani شفيق=Chafik,Shafiq السعيدي=Saidi,Essaidi البوزيدي=Bouzidi,El_Bouzidi
الحمداني=El_Hamdani,Hamdani العثماني=El_Othmani,Otmani برادة=Berrada بنسودة=Bensouda بنموسى=Benmoussa,Ben_Moussa
المريني=El_Marini,Mrini الوزاني=El_Ouazzani,Ouazzani الخياط=El_Khayat,Khayat الدريسي=Drissi,Edrissi
الشافعي=Chafai,Chafii الراشدي=Rachidi,Errachidi بوشارب=Boucharb القادري=El_Kadiri,Kadiri
الهلالي=El_Hilali,Hilali الجزولي=El_Jazouli,Jazouli اليعقوبي=El_Yacoubi,Yaakoubi زروال=Zeroual
عزوزي=Azzouzi,Azouzi بناصر=Bennacer,Ben_Nasser مجاهد=Moujahid,Mujahid الغربي=El_Gharbi,Gharbi صابر=Saber,Sabir
فكري=Fikri
"""
_IR_FEMALE: Final = """
فاطمه=Fatemeh,Fatima زهرا=Zahra مریم=Maryam,Mariam معصومه=Masoumeh,Masumeh سکینه=Sakineh زینب=Zeinab,Zaynab
نرگس=Narges,Nargess لیلا=Leila,Leyla سارا=Sara مهسا=Mahsa نسرین=Nasrin شیرین=Shirin پریسا=Parisa الهام=Elham
نیلوفر=Niloufar,Nilufar مینا=Mina سمیرا=Samira شهناز=Shahnaz فرزانه=Farzaneh یلدا=Yalda غزاله=Ghazaleh
ژاله=Zhaleh,Jaleh نازنین=Nazanin آزاده=Azadeh پروین=Parvin مژگان=Mojgan,Mozhgan فریبا=Fariba ندا=Neda سحر=Sahar
رویا=Roya شبنم=Shabnam لادن=Ladan سپیده=Sepideh بهاره=Bahareh
"""
_IR_MALE: Final = """
علی=Ali محمد=Mohammad,Mohamad حسین=Hossein,Hussein رضا=Reza مهدی=Mehdi,Mahdi احمد=Ahmad امیر=Amir
سعید=Saeed,Said جواد=Javad بهرام=Bahram فرهاد=Farhad کامران=Kamran داریوش=Dariush,Daryoush شهرام=Shahram
ناصر=Naser,Nasser غلام=Gholam یوسف=Yousef,Yusef کیوان=Keyvan,Kayvan پویا=Pouya,Puya بابک=Babak آرش=Arash
امید=Omid مسعود=Masoud,Masud مجید=Majid حمید=Hamid کوروش=Kourosh,Kurosh
"""
_IR_FAMILIES: Final = """
محمدی=Mohammadi,Mohamadi حسینی=Hosseini,Husseini احمدی=Ahmadi رضایی=Rezaei,Rezai مرادی=Moradi کریمی=Karimi
جعفری=Jafari,Jaafari صادقی=Sadeghi,Sadeqi قاسمی=Ghasemi,Qasemi رحیمی=Rahimi اکبری=Akbari هاشمی=Hashemi
شریفی=Sharifi نوری=Nouri,Noori یوسفی=Yousefi,Yusefi موسوی=Mousavi,Musavi تهرانی=Tehrani شیرازی=Shirazi
اصفهانی=Esfahani,Isfahani باقری=Bagheri,Baqeri زارعی=Zarei,Zaree غفاری=Ghaffari,Ghafari خسروی=Khosravi
پورحسن=Pourhassan عظیمی=Azimi امینی=Amini وحیدی=Vahidi فرهادی=Farhadi کاظمی=Kazemi سلیمانی=Soleimani,Suleimani
حیدری=Heydari,Haidari عباسی=Abbasi قربانی=Ghorbani,Qorbani ملکی=Maleki رستمی=Rostami طاهری=Taheri
محمودی=Mahmoudi,Mahmudi شاهی=Shahi نظری=Nazari یزدانی=Yazdani کرمانی=Kermani بهرامی=Bahrami اسدی=Asadi,Assadi
داودی=Davoudi,Davudi مهدوی=Mahdavi صالحی=Salehi فتحی=Fathi گلزاری=Golzari جلالی=Jalali دهقان=Dehghan,Dehqan
"""
_CN_SURNAMES: Final = """
王=Wang 李=Li 张=Zhang 刘=Liu 陈=Chen 杨=Yang 黄=Huang 赵=Zhao 吴=Wu 周=Zhou 徐=Xu 孙=Sun 马=Ma 朱=Zhu 胡=Hu 郭=Guo
何=He 林=Lin 高=Gao 罗=Luo 郑=Zheng 梁=Liang 谢=Xie 宋=Song 唐=Tang 许=Xu 邓=Deng 韩=Han 冯=Feng 曹=Cao 彭=Peng
曾=Zeng 肖=Xiao 田=Tian 董=Dong 潘=Pan 袁=Yuan 蔡=Cai 蒋=Jiang 余=Yu 于=Yu 杜=Du 叶=Ye 程=Cheng 魏=Wei 苏=Su
吕=Lü,Lv,Lu 丁=Ding 任=Ren 卢=Lu 姚=Yao 沈=Shen 钟=Zhong 姜=Jiang 崔=Cui 谭=Tan 陆=Lu 范=Fan 汪=Wang 廖=Liao 石=Shi
金=Jin 贾=Jia 夏=Xia 付=Fu 方=Fang 邹=Zou 熊=Xiong 白=Bai 孟=Meng 秦=Qin 邱=Qiu 侯=Hou 江=Jiang 尹=Yin 薛=Xue
欧阳=Ouyang
"""
_CN_WOMEN: Final = """
丽=Li 芳=Fang 娜=Na 敏=Min 静=Jing 燕=Yan 艳=Yan 霞=Xia 梅=Mei 玲=Ling 红=Hong 娟=Juan 莉=Li 秀=Xiu 英=Ying 华=Hua
慧=Hui 巧=Qiao 美=Mei 婷=Ting 雪=Xue 琳=Lin 晶=Jing 妍=Yan 茜=Qian 秋=Qiu 珍=Zhen 春=Chun 菊=Ju 兰=Lan 凤=Feng
洁=Jie 云=Yun 莲=Lian 爱=Ai 月=Yue 香=Xiang 小=Xiao
"""
_CN_MEN: Final = """
伟=Wei 强=Qiang 磊=Lei 军=Jun 勇=Yong 杰=Jie 涛=Tao 明=Ming 超=Chao 刚=Gang 平=Ping 辉=Hui 鹏=Peng 建=Jian 国=Guo
文=Wen 志=Zhi 海=Hai 峰=Feng 龙=Long 斌=Bin 波=Bo 宇=Yu 浩=Hao 凯=Kai 健=Jian 俊=Jun 帆=Fan 小=Xiao 永=Yong 新=Xin
光=Guang
"""
_TH_FEMALE: Final = """
สมหญิง=Somying สุดา=Suda มาลี=Malee,Mali นิภา=Nipa,Nipha วรรณา=Wanna ศิริพร=Siriporn,Siriphon อรทัย=Orathai
กัลยา=Kanlaya,Kalaya พรทิพย์=Pornthip,Phonthip ปราณี=Pranee,Prani จันทร์เพ็ญ=Chanpen,Janpen รัตนา=Rattana,Ratana
สุภาพร=Supaporn,Suphaphon ณัฐธิดา=Natthida,Nattida ลัดดา=Ladda วิไล=Wilai,Vilai ดวงใจ=Duangjai,Duangchai
บุษบา=Busaba,Bussaba อัญชลี=Anchalee,Anchali ชลธิชา=Chonthicha,Chonticha กนกวรรณ=Kanokwan
พิมพ์ใจ=Pimjai,Phimchai ธิดารัตน์=Thidarat,Tidarat เพ็ญศรี=Pensri,Phensi จิราพร=Jiraporn,Chiraphon
นงลักษณ์=Nonglak,Nongluck ประภา=Prapa,Prapha สายฝน=Saifon ทิพวรรณ=Thippawan,Tipawan อำไพ=Amphai,Ampai
บุญเรือน=Boonruean,Bunruean ขวัญใจ=Kwanjai,Khwanchai พัชรี=Patcharee,Phatchari
"""
_TH_MALE: Final = """
สมชาย=Somchai สมศักดิ์=Somsak ประเสริฐ=Prasert,Prasoet วิชัย=Wichai,Vichai สุรชัย=Surachai ณัฐพล=Nattapon,Natthaphon
อนันต์=Anan,Anant ชาติชาย=Chatchai ธนากร=Thanakorn,Thanakon บุญมี=Boonmee,Bunmi กิตติ=Kitti พิชิต=Pichit,Phichit
มานพ=Manop วีระ=Wira,Weera
"""
_TH_FIRST: Final = """
ศรี=Sri,Si บุญ=Boon,Bun ทอง=Thong,Tong วงศ์=Wong แก้ว=Kaew,Kaeo สุข=Suk จันทร์=Chan,Jan พงษ์=Phong,Pong ไชย=Chai
ชัย=Chai คำ=Kham,Kam มณี=Manee,Mani รัตน=Rattana,Ratana สุวรรณ=Suwan พรหม=Phrom,Prom อินทร์=In เจริญ=Charoen,Jaroen
"""
_TH_SECOND: Final = """
สุข=suk วงศ์=wong ทอง=thong,tong ศรี=sri,si ชัย=chai พันธ์=phan,pan มา=ma ใจ=jai,chai งาม=ngam ดี=dee,di รักษ์=rak
วัฒน์=wat ประเสริฐ=prasert,prasoet สกุล=sakul,sakun แสง=saeng,sang
"""
_IN_FEMALE: Final = """
प्रिया=Priya सुनीता=Sunita,Suneeta अनीता=Anita पूजा=Pooja,Puja रेखा=Rekha लक्ष्मी=Lakshmi,Laxmi गीता=Geeta,Gita
कविता=Kavita,Kavitha मीना=Meena,Mina राधा=Radha सीमा=Seema,Sima ज्योति=Jyoti,Jyothi रानी=Rani कमला=Kamala,Kamla
पार्वती=Parvati,Parvathi शांति=Shanti,Santhi निशा=Nisha रीना=Reena,Rina ममता=Mamata,Mamta आरती=Aarti,Arati
सरिता=Sarita नीलम=Neelam,Nilam दीपा=Deepa,Dipa काजल=Kajal चंदा=Chanda सुमन=Suman ऊषा=Usha गुलाबो=Gulabo
भावना=Bhavna,Bhavana संगीता=Sangeeta,Sangita मधु=Madhu किरण=Kiran पुष्पा=Pushpa शोभा=Shobha उर्मिला=Urmila
रजनी=Rajni,Rajani वंदना=Vandana रूपा=Rupa,Roopa मंजू=Manju सावित्री=Savitri बबीता=Babita,Babeeta
"""
_IN_MALE: Final = """
राम=Ram राजेश=Rajesh सुरेश=Suresh विजय=Vijay संजय=Sanjay अमित=Amit रवि=Ravi मोहन=Mohan दिनेश=Dinesh महेश=Mahesh
अशोक=Ashok गणेश=Ganesh कृष्ण=Krishna,Krishan अरुण=Arun मुकेश=Mukesh प्रकाश=Prakash सुनील=Sunil,Suneel देव=Dev
हरि=Hari
"""
_IN_FAMILIES: Final = """
कुमार=Kumar सिंह=Singh,Sinh शर्मा=Sharma,Sarma वर्मा=Verma,Varma यादव=Yadav गुप्ता=Gupta मिश्रा=Mishra,Misra
पटेल=Patel चौधरी=Chaudhary,Choudhary,Chowdhury मंडल=Mondal,Mandal दास=Das घोष=Ghosh राय=Rai,Roy साहू=Sahu,Sahoo
तिवारी=Tiwari,Tewari पांडे=Pandey,Pande जोशी=Joshi मेहता=Mehta सोनी=Soni ठाकुर=Thakur,Thakor
राठौर=Rathore,Rathod चौहान=Chauhan,Chouhan पवार=Pawar जाधव=Jadhav शिंदे=Shinde नायक=Nayak,Naik
बिस्वास=Biswas,Biswash सरकार=Sarkar,Sircar मांझी=Manjhi,Majhi तमांग=Tamang लामा=Lama गुरुंग=Gurung थापा=Thapa
राणा=Rana रावत=Rawat,Ravat नेगी=Negi बिष्ट=Bisht,Bist अग्रवाल=Agarwal,Aggarwal भट्ट=Bhatt देसाई=Desai खान=Khan
अंसारी=Ansari मल्होत्रा=Malhotra कपूर=Kapoor,Kapur सक्सेना=Saxena,Saksena त्रिपाठी=Tripathi शुक्ला=Shukla
दुबे=Dubey,Dube रेड्डी=Reddy नायर=Nair राठी=Rathi सैनी=Saini गिल=Gill कौर=Kaur महतो=Mahato,Mahto प्रसाद=Prasad
मुर्मू=Murmu
"""
_ET_FEMALE: Final = """
ትዕግስት=Tigist,Tigest ሄለን=Helen,Hellen ሣራ=Sara,Sarah ማርታ=Marta,Martha ሕይወት=Hiwot,Heywot ብርሃን=Birhan,Berhan
ሰላም=Selam,Selamawit ፍቅርተ=Fikirte,Fikerte አበባ=Abeba,Abebe ዘነበች=Zenebech ሙሉ=Mulu ጽጌ=Tsige,Tsege ራሔል=Rahel,Rachel
ቤተልሔም=Betelhem,Bethlehem አስቴር=Aster,Ester መሠረት=Meseret ሐና=Hana,Hanna ለምለም=Lemlem ሳባ=Saba
ወርቅነሽ=Workinesh,Werknesh አልማዝ=Almaz ውብነሽ=Wubinesh ገነት=Genet,Genete ንግሥት=Nigist,Negest ሰናይት=Senait,Senayt
ትርሐስ=Tirhas,Terhas ዓለምነሽ=Alemnesh ብርቱካን=Birtukan,Bertukan ሜሮን=Meron እመቤት=Emebet
"""
_ET_MALE: Final = """
አበበ=Abebe ከበደ=Kebede ተስፋዬ=Tesfaye,Tesfay ገብረ=Gebre ኃይሌ=Haile,Hayle ብርሃኑ=Birhanu,Berhanu ሰለሞን=Solomon,Selemon
ዳዊት=Dawit,Dawid ዮሐንስ=Yohannes,Johannes ሙሉጌታ=Mulugeta ታደሰ=Tadesse,Tadese ወልዱ=Woldu,Weldu አለሙ=Alemu ግርማ=Girma
ጌታቸው=Getachew ደመቀ=Demeke ዘሪሁን=Zerihun መኮንን=Mekonnen,Mekonen ተክለ=Tekle በቀለ=Bekele አስፋው=Asfaw ፍቅሬ=Fikre,Fekre
ሳሙኤል=Samuel ሀብቱ=Habtu ለማ=Lemma,Lema አየለ=Ayele ንጉሤ=Nigusse,Neguse ይልማ=Yilma ሐጎስ=Hagos ገብረመድኅን=Gebremedhin
ኪዳኔ=Kidane ፍስሐ=Fisseha,Feseha ሺፈራው=Shiferaw,Sheferaw ዓለማየሁ=Alemayehu አድማሱ=Admasu ኤፍሬም=Efrem,Ephrem ታምራት=Tamrat
ሙሉነህ=Muluneh
"""
_GE_FEMALE: Final = """
ნინო მარიამი თამარი ანა ნანა ეკატერინე მაია ნათია ქეთევანი ლელა თეონა სალომე ხათუნა მანანა ირმა შორენა ლია
ნატალია ეთერი მზია დალი გულნარა ჟუჟუნა თინათინი ცისანა სოფიო ხატია მარინე ნაზიბროლა გვანცა ელენე თეა ნანული ლალი
მედეა
"""
_GE_MALE: Final = """
გიორგი დავითი ზურაბი ლევანი ნიკოლოზი ირაკლი ალექსანდრე მამუკა ვახტანგი თამაზი გოჩა ბესიკი ზაზა შოთა ვაჟა ავთანდილი
კახა რეზო ოთარი ტარიელი მერაბი
"""
_GE_STEMS: Final = """
გელა მაისურა კაპანა ლომი ბერი ჩხეი ცერცვა მამა ნოზა კვარაცხე ხუცი ქობა თოდუ ღლონ წიკლაუ ჯავახი შენგე დოლი გოგი არაბუ
ჭანტურ ძნელა ბოლქვა კიკნა ფირცხალა ჟღენ
"""
_GR_FEMALE: Final = """
Μαρία Ελένη Κατερίνα Γεωργία Βασιλική Σοφία Αγγελική Δήμητρα Χριστίνα Παναγιώτα Ευαγγελία Αθηνά Ζωή Φωτεινή
Αναστασία Ειρήνη Παρασκευή Δέσποινα Ευτυχία Σταυρούλα Αλεξάνδρα Μαρίνα
"""
_GR_MALE: Final = """
Γιώργος Δημήτρης Νίκος Γιάννης Κώστας Χρήστος Παναγιώτης Βασίλης Θανάσης Μιχάλης Σπύρος Ευάγγελος Στέφανος
"""
_GR_STEMS: Final = "Παπ Γεωργ Δημητρ Νικολ Βασιλ Αθανασ Χατζ Μιχαλ Καραγιανν Θεοδωρ Σταυρ Αντων Μπουζ Γκικ Ευσταθ"


def _joined(first: str, second: str) -> tuple[str, ...]:
    """Every compound of two parts, with the spellings of both in step."""
    compounds = []
    for one, two in product(first.split(), second.split()):
        (head, heads), (tail, tails) = (part.split("=") for part in (one, two))
        if head == tail:
            continue
        spellings = [h + t for h, t in product(heads.split(","), tails.split(","))]
        compounds.append(f"{head}{tail}={','.join(dict.fromkeys(spellings))}")
    return tuple(compounds)


def _chinese(characters: str) -> tuple[str, ...]:
    """Given names of one character, and of two."""
    alone = [entry.split("=") for entry in characters.split()]
    twos = [f"{a}{b}={x}{y.lower()},{x}_{y},{x}-{y}" for (a, x), (b, y) in product(alone, alone)]
    ones = [f"{a}={x}" for a, x in alone]
    # Two characters are the rule; a fixed stride mixes them without chance.
    mixed = [twos[index * 37 % len(twos)] for index in range(len(twos))]
    return tuple(dict.fromkeys(mixed[:60] + ones + mixed[60:420]))


def _endings(stems: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("/".join(stem + part for part in ending.split("/")) for stem in stems.split() for ending in endings)


def _split(*tables: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(table.split()) for table in tables)


_ARABIC = _split(_AR_FEMALE, _AR_MALE)
OTHER: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "SY": (*_ARABIC, (*_AR_FAMILIES.split(), *_AR_MALE.split())),
    "IQ": (*_ARABIC, (*reversed(_AR_FAMILIES.split()), *_AR_MALE.split())),
    "MA": (*_ARABIC, tuple(_MA_FAMILIES.split())),
    "IR": (*_split(_IR_FEMALE, _IR_MALE), tuple(_IR_FAMILIES.split())),
    "CN": (_chinese(_CN_WOMEN), _chinese(_CN_MEN), tuple(_CN_SURNAMES.split())),
    "TH": (*_split(_TH_FEMALE, _TH_MALE), _joined(_TH_FIRST, _TH_SECOND)),
    "IN": _split(_IN_FEMALE, _IN_MALE, _IN_FAMILIES),
    "ET": _split(_ET_FEMALE, _ET_MALE, _ET_MALE),
    "GE": (*_split(_GE_FEMALE, _GE_MALE), _endings(_GE_STEMS, ("შვილი", "ძე", "ია", "ური"))),
    "GR": (*_split(_GR_FEMALE, _GR_MALE), _endings(_GR_STEMS, ("όπουλος/οπούλου", "ίδης/ίδου", "άκης/άκη", "ίου/ίου"))),
}
"""Origin -> women's names, men's names, surnames. `_` in a spelling is a space."""
